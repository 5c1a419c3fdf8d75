"""The metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from server.telemetry import LoopLag, Stats
from server.telemetry.garbage import GcPauses
from server.telemetry.loop_lag import BOUNDS_MS, LagBucket
from server.telemetry.prometheus import LAG_BOUNDS_MS, Metrics
from server.testing.chat_user import join
from server.testing.server_process import ServerProcess

STATS = Stats(
    strategy="direct",
    time_ns=1_800_000_100_000_000_000,
    members=5,
    rooms=3,
    messages_in=70,
    deliveries_out=350,
    notices_out=15,
    dropped=9,
    kicked=2,
    replayed=40,
    gaps=6,
    loop_lag_ms=LoopLag(0.1, 2.24, 2.3),
    loop_lag_buckets=(LagBucket(0.1, 90), LagBucket(0.18, 7), LagBucket(2.24, 2), LagBucket(90_000, 1)),
    loop_lag_total_ms=95_000,
    outbox_bytes_p50=10,
    outbox_bytes_p99=990,
    outbox_bytes_max=1000,
    tasks=21,
    gc_pauses=GcPauses(count=4, total_ms=12, max_ms=8),
    rss_bytes=50_000_000,
    cpu_seconds=3.5,
    uptime_seconds=100,
    pid=123,
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def samples(stats: Stats) -> dict[tuple[str, ...], float]:
    """Return the value of each sample by its name and the values of its labels."""
    body, _ = Metrics(lambda: stats).expose("")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse_text(body.decode())
        for sample in family.samples
    }


def test_every_figure_is_exposed_in_base_units() -> None:
    exposed = samples(STATS)
    buckets = {labels[0]: exposed.pop((name, *labels)) for name, *labels in list(exposed) if name.endswith("_bucket")}
    assert exposed == {
        ("chatroom_info", "direct"): 1,
        ("chatroom_members",): 5,
        ("chatroom_rooms",): 3,
        ("chatroom_messages_total",): 70,
        ("chatroom_deliveries_total",): 350,
        ("chatroom_notices_total",): 15,
        ("chatroom_dropped_total",): 9,
        ("chatroom_kicked_total",): 2,
        ("chatroom_replayed_total",): 40,
        ("chatroom_gaps_total",): 6,
        ("chatroom_loop_lag_seconds_count",): 100,
        ("chatroom_loop_lag_seconds_sum",): 95,
        ("chatroom_outbox_bytes", "50"): 10,
        ("chatroom_outbox_bytes", "99"): 990,
        ("chatroom_outbox_bytes", "100"): 1000,
        ("chatroom_tasks",): 21,
        ("chatroom_gc_pause_seconds_count",): 4,
        ("chatroom_gc_pause_seconds_sum",): 0.012,
        ("chatroom_gc_pause_max_seconds",): 0.008,
        ("process_cpu_seconds_total",): 3.5,
        ("process_resident_memory_bytes",): 50_000_000,
        ("process_start_time_seconds",): 1_800_000_000,
    }
    assert {bound: buckets[bound] for bound in ("0.0001", "0.0002", "0.002", "0.005", "50.0", "+Inf")} == {
        "0.0001": 90,
        "0.0002": 97,
        "0.002": 97,
        "0.005": 99,
        "50.0": 99,
        "+Inf": 100,
    }


def test_bounds_are_among_those_of_stats() -> None:
    assert set(LAG_BOUNDS_MS) <= set(BOUNDS_MS)


def test_openmetrics_is_served_if_preferred() -> None:
    body, content_type = Metrics(lambda: STATS).expose(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    # A strict parser: it raises where a convention is not kept.
    families = list(parse_openmetrics(body.decode()))  # type: ignore[no-untyped-call]
    assert all(family.documentation for family in families)


async def test_metrics_of_a_server_agree_with_its_stats(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "direct")
    async with join(server.chat_url("alice")) as alice:
        await alice.say("hello")
        await alice.hear_said(1)
        response = server.get("/metrics")
        stats = server.stats()
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    exposed = {family.name: family.samples[0].value for family in parse_text(response.text)}
    assert stats["deliveries_out"] == 1
    names = {"chatroom_members": "members", "chatroom_deliveries": "deliveries_out"}
    assert {name: exposed[name] for name in names} == {name: stats[key] for name, key in names.items()}
