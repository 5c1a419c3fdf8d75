"""What two readings of a server's telemetry say of the time between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from bench.model.run import Run, ServerStats

REACH_NS = 2 * 10**9


class Interval(msgspec.Struct, frozen=True):
    """What a server tells of the time from one reading to another: what happened meanwhile, and levels at its end.

    `loop_lag_p99_ms` is a bucket's bound, at most 15 % too high; it is `None` if no timer ran.
    """

    start_ns: int
    end_ns: int
    messages_in: int
    deliveries_out: int
    notices_out: int
    kicked: int
    dropped: int
    loop_lag_p99_ms: float | None
    gc_pause_ms: float
    members: int
    outbox_bytes_p50: int
    outbox_bytes_p99: int
    outbox_bytes_max: int
    tasks: int


def readings_of(run: Run) -> list[ServerStats]:
    """Return all readings of a run, those before and after its swarm among them."""
    return [reading for reading in (run.stats_before, *run.telemetry, run.stats_after) if reading]


def intervals(readings: Sequence[ServerStats]) -> list[Interval]:
    """Return the time from each reading to the next, but for that in which the server was started again."""
    return [_between(before, after) for before, after in pairwise(readings) if before.pid == after.pid]


def interval_around(readings: Sequence[ServerStats], start_ns: int, end_ns: int) -> Interval | None:
    """Return the time from the last reading before a window to the first one after it.

    That is `None` if one of them is missing, more than two seconds away, or of another server process.
    """
    before = max((r for r in readings if start_ns - REACH_NS <= r.time_ns <= start_ns), key=_time, default=None)
    after = min((r for r in readings if end_ns <= r.time_ns <= end_ns + REACH_NS), key=_time, default=None)
    return _between(before, after) if before and after and before.pid == after.pid else None


def _time(reading: ServerStats) -> int:
    return reading.time_ns


def _between(before: ServerStats, after: ServerStats) -> Interval:
    return Interval(
        start_ns=before.time_ns,
        end_ns=after.time_ns,
        messages_in=after.messages_in - before.messages_in,
        deliveries_out=after.deliveries_out - before.deliveries_out,
        notices_out=after.notices_out - before.notices_out,
        kicked=after.kicked - before.kicked,
        dropped=after.dropped - before.dropped,
        loop_lag_p99_ms=_lag_p99_ms(before, after),
        gc_pause_ms=after.gc_pauses.total_ms - before.gc_pauses.total_ms,
        members=after.members,
        outbox_bytes_p50=after.outbox_bytes_p50,
        outbox_bytes_p99=after.outbox_bytes_p99,
        outbox_bytes_max=after.outbox_bytes_max,
        tasks=after.tasks,
    )


def _lag_p99_ms(before: ServerStats, after: ServerStats) -> float | None:
    counts = Counter({bucket.up_to_ms: bucket.count for bucket in after.loop_lag_buckets})
    counts.subtract({bucket.up_to_ms: bucket.count for bucket in before.loop_lag_buckets})
    rank, seen = 0.99 * counts.total(), 0
    for bound_ms in sorted(counts):
        seen += counts[bound_ms]
        if seen and seen >= rank:
            return bound_ms
    return None
