"""What the server tells about itself."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from server.telemetry import Stats, Telemetry
from tests.server.chat_user import join, until
from tests.server_process import ServerProcess


async def test_stats_count_exactly(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "gather")
    async with join(server.chat_url("alice")) as alice:
        async with join(server.chat_url("bob")) as bob:
            for user in (alice, bob):
                await user.say("hello")
            for user in (alice, bob):
                await user.hear_said(2)
            await until(lambda: server.stats()["deliveries_out"] == 4)
            stats = server.stats()
            assert set(stats) == set(Stats.__struct_fields__)
            assert (stats["strategy"], stats["pid"]) == ("gather", server.process.pid)
            assert (stats["members"], stats["messages_in"], stats["notices_out"]) == (2, 2, 3)
            assert (stats["dropped"], stats["kicked"], stats["outbox_bytes_max"]) == (0, 0, 0)
        await alice.hear_notice("bob left")
        await until(lambda: server.stats()["notices_out"] == 4)
    await until(lambda: server.stats()["members"] == 0)


async def test_stats_of_the_process(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    assert server.get("/healthz").json() == {"status": "ok"}
    await until(lambda: server.stats()["loop_lag_ms"]["max"] > 0)
    process = psutil.Process(server.process.pid)
    clock_tick_s = 0.01
    before_s = sum(process.cpu_times()[:2])
    stats = server.stats()
    after_s = sum(process.cpu_times()[:2])
    assert before_s - 2 * clock_tick_s <= stats["cpu_seconds"] <= after_s + 2 * clock_tick_s
    assert stats["uptime_seconds"] > 0
    assert 0.5 < stats["rss_bytes"] / process.memory_info().rss < 2
    assert 0 <= stats["loop_lag_ms"]["p50"] <= stats["loop_lag_ms"]["p99"] <= stats["loop_lag_ms"]["max"]


def test_stats_before_anything_happened() -> None:
    stats = Telemetry("queue").stats([])
    assert (stats.members, stats.outbox_bytes_max, stats.loop_lag_ms.max) == (0, 0, 0)
