"""The figures of `Stats` for Prometheus, by its conventions: base units, and counters that end in `_total`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from server.telemetry.stats import Stats

LAG_BOUNDS_MS = tuple(float(f"{number}e{power}") for power in range(-1, 5) for number in (1, 2, 5))
"""Some of the bounds in `Stats`: one time series for each bound would be too many."""


class Metrics(Collector):
    """Turns `Stats` into metrics whenever they are read."""

    def __init__(self, read: Callable[[], Stats]) -> None:
        self._read = read
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def expose(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics and their content type, in the text format that an `Accept` header prefers."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no number
            encode, content_type = choose_encoder("")
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        stats = self._read()
        yield InfoMetricFamily("chatroom", "How this server was started.", {"strategy": stats.strategy})
        yield GaugeMetricFamily("chatroom_members", "Members of all rooms.", stats.members)
        yield GaugeMetricFamily("chatroom_rooms", "Rooms with members.", stats.rooms)
        yield CounterMetricFamily("chatroom_messages", "Messages that members have sent.", stats.messages_in)
        yield CounterMetricFamily(
            "chatroom_deliveries", "Copies of messages handed to a member's socket.", stats.deliveries_out
        )
        yield CounterMetricFamily(
            "chatroom_notices", "Copies of join and leave notices handed to a member's socket.", stats.notices_out
        )
        yield CounterMetricFamily(
            "chatroom_dropped", "Copies thrown away when a member was kicked for not reading.", stats.dropped
        )
        yield CounterMetricFamily("chatroom_kicked", "Members kicked for not reading.", stats.kicked)
        yield CounterMetricFamily("chatroom_replayed", "Copies sent to members that came back.", stats.replayed)
        yield CounterMetricFamily(
            "chatroom_gaps", "Times a member was told that messages are not kept any more.", stats.gaps
        )
        yield _loop_lag(stats)
        yield _outboxes(stats)
        yield GaugeMetricFamily("chatroom_tasks", "Tasks of asyncio that are not done.", stats.tasks)
        pauses = stats.gc_pauses
        yield SummaryMetricFamily(
            "chatroom_gc_pause_seconds", "Runs of the cyclic garbage collector.", pauses.count, pauses.total_ms / 1_000
        )
        yield GaugeMetricFamily(
            "chatroom_gc_pause_max_seconds", "The longest of these runs so far.", pauses.max_ms / 1_000
        )
        yield CounterMetricFamily(
            "process_cpu_seconds", "User and system CPU time of the server's process.", stats.cpu_seconds
        )
        yield GaugeMetricFamily(
            "process_resident_memory_bytes", "Resident memory of the server's process.", stats.rss_bytes
        )
        yield GaugeMetricFamily(
            "process_start_time_seconds",
            "When it started, Unix time.",
            stats.time_ns / 1e9 - stats.uptime_seconds,
        )


def _loop_lag(stats: Stats) -> Metric:
    buckets = [
        (str(bound / 1_000), sum(bucket.count for bucket in stats.loop_lag_buckets if bucket.up_to_ms <= bound))
        for bound in LAG_BOUNDS_MS
    ]
    total = sum(bucket.count for bucket in stats.loop_lag_buckets)
    return HistogramMetricFamily(
        "chatroom_loop_lag_seconds",
        "How much later than asked the event loop ran a timer.",
        [*buckets, ("+Inf", total)],
        stats.loop_lag_total_ms / 1_000,
    )


def _outboxes(stats: Stats) -> Metric:
    outboxes = GaugeMetricFamily(
        "chatroom_outbox_bytes",
        "What waits for a member at this moment, without the kernel's buffer; percentiles over members.",
        labels=["percentile"],
    )
    outboxes.add_metric(["50"], stats.outbox_bytes_p50)
    outboxes.add_metric(["99"], stats.outbox_bytes_p99)
    outboxes.add_metric(["100"], stats.outbox_bytes_max)
    return outboxes
