"""The server's figures about itself."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from itertools import pairwise

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.telemetry import Stats, Telemetry
from server.telemetry.loop_lag import BOUNDS_MS, LoopLagWatch
from server.testing.chat_user import fill_buffers, join, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess


async def test_stats_count_exactly(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "gather")
    async with join(server.chat_url("alice")) as alice:
        async with join(server.chat_url("bob")) as bob:
            for user in (alice, bob):
                await user.say("hello")
            for user in (alice, bob):
                await user.hear_said(2)
            await wait_until(lambda: server.stats()["deliveries_out"] == 4)
            stats = server.stats()
            assert set(stats) == set(Stats.__struct_fields__)
            assert (stats["strategy"], stats["pid"]) == ("gather", server.process.pid)
            assert (stats["members"], stats["messages_in"], stats["notices_out"]) == (2, 2, 3)
            assert (stats["rooms"], stats["replayed"], stats["gaps"]) == (1, 0, 0)
            assert (stats["dropped"], stats["kicked"], stats["outbox_bytes_max"]) == (0, 0, 0)
        await alice.hear_notice("bob left")
        await wait_until(lambda: server.stats()["notices_out"] == 4)
    await wait_until(lambda: server.stats()["members"] == 0)


async def test_stats_of_the_process(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    assert server.get("/healthz").json() == {"status": "ok"}
    await wait_until(lambda: server.stats()["loop_lag_ms"]["max"] > 0)
    process = psutil.Process(server.process.pid)
    clock_tick_s = 0.01
    before_s, before_ns = sum(process.cpu_times()[:2]), time.time_ns()
    stats = server.stats()
    after_s, after_ns = sum(process.cpu_times()[:2]), time.time_ns()
    assert before_s - 2 * clock_tick_s <= stats["cpu_seconds"] <= after_s + 2 * clock_tick_s
    assert before_ns < stats["time_ns"] < after_ns
    assert stats["uptime_seconds"] > 0
    assert 0.5 < stats["rss_bytes"] / process.memory_info().rss < 2


async def test_stats_before_anything_happened() -> None:
    stats = Telemetry("queue").stats(0, [])
    assert (stats.members, stats.outbox_bytes_max, stats.loop_lag_ms.p99, stats.loop_lag_buckets) == (0, 0, 0, ())
    assert stats.tasks == 1


async def test_outboxes_are_ranked_by_member() -> None:
    stats = Telemetry("queue").stats(0, [0] * 97 + [500, 30, 100])
    assert (stats.members, stats.outbox_bytes_p50, stats.outbox_bytes_p99, stats.outbox_bytes_max) == (100, 0, 100, 500)


async def test_outbox_of_a_member_that_does_not_read(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "queue")
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("stalled")):
            await fill_buffers(server, alice)
            stats = server.stats()
    assert stats["outbox_bytes_p50"] < stats["outbox_bytes_p99"] == stats["outbox_bytes_max"]


async def test_blocked_loop_is_late_for_every_timer_it_misses() -> None:
    telemetry = Telemetry("queue")
    with telemetry.watching():
        await asyncio.sleep(0.1)
        before = telemetry.stats(0, [])
        time.sleep(0.5)  # noqa: ASYNC251 - it is to block
        await asyncio.sleep(0.1)
        after = telemetry.stats(0, [])
    late = [bucket for bucket in after.loop_lag_buckets if bucket.up_to_ms > 100]
    assert sum(bucket.count for bucket in late) >= 7  # due after 0.05, 0.1, ... of the 0.5 s
    assert after.loop_lag_ms.max > 400
    assert after.loop_lag_ms.p50 <= after.loop_lag_ms.p99 <= after.loop_lag_ms.max
    assert after.loop_lag_total_ms > before.loop_lag_total_ms + 7 * 100


async def test_loop_of_slow_turns_is_never_later_than_a_turn() -> None:
    telemetry = Telemetry("queue")
    turns_s = []
    with telemetry.watching():
        await asyncio.sleep(0)
        for _ in range(10):
            began_s = time.monotonic()
            time.sleep(0.2)  # noqa: ASYNC251 - it is to block
            await asyncio.sleep(0)
            turns_s.append(time.monotonic() - began_s)
        stats = telemetry.stats(0, [])
    assert sum(bucket.count for bucket in stats.loop_lag_buckets) >= 30
    assert stats.loop_lag_ms.max < 2_000 * max(turns_s)


@given(st.lists(st.floats(-0.001, 200), min_size=1))
def test_percentiles_of_lag_are_those_of_its_buckets(lags_s: list[float]) -> None:
    watch = LoopLagWatch()
    for lag_s in lags_s:
        watch.record(lag_s)
    buckets, lag = watch.buckets(), watch.lag()
    assert sum(bucket.count for bucket in buckets) == len(lags_s)
    assert [bucket.up_to_ms for bucket in buckets] == sorted({bucket.up_to_ms for bucket in buckets})
    assert lag.max == pytest.approx(max(0, *lags_s) * 1_000)
    median_ms = sorted(max(lag_s, 0) for lag_s in lags_s)[(len(lags_s) - 1) // 2] * 1_000
    if 0.1 < median_ms < BOUNDS_MS[-1]:
        assert median_ms * 0.999 <= lag.p50 <= median_ms * 1.15


def test_bounds_of_buckets_are_close_together() -> None:
    assert all(low < high <= low * 1.15 for low, high in pairwise(BOUNDS_MS))


async def test_garbage_collection_is_timed_while_watched() -> None:
    telemetry = Telemetry("queue")
    gc.collect()
    with telemetry.watching():
        before = telemetry.stats(0, []).gc_pauses
        gc.collect()
        gc.collect()
        after = telemetry.stats(0, []).gc_pauses
    gc.collect()
    assert after.count >= before.count + 2
    assert 0 < after.max_ms <= after.total_ms
    assert telemetry.stats(0, []).gc_pauses == after


async def test_tasks_come_and_go_with_members(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "direct")
    alone = server.stats()["tasks"]
    async with join(server.chat_url("alice")), join(server.chat_url("bob")):
        await wait_until(lambda: server.stats()["tasks"] >= alone + 2)
    await wait_until(lambda: server.stats()["tasks"] == alone)
