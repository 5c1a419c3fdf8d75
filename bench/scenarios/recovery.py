"""How long a room took to be itself again, read off the seconds of a window."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from bench.scenarios.disturbance import Disturbance
from loadtest.ledger.result import Second, Step

SECOND_NS = 1_000_000_000
TIMES_BEFORE = 2.0
EVERYBODY = 0.99


def time_to_recover_s(step: Step, slo_ms: float, disturbance: Disturbance | None) -> float:
    """Return seconds from the end of a disturbance to the end of the last second that was not well.

    A second is well if nothing that was due in it is missing and its p99 is at most `slo_ms`, or twice what it was
    before the disturbance if that is more; and, after a disturbance, if all members are back. Without a disturbance
    that ends, the time counts from the beginning of the first second that is not well. It is infinite where the last
    second of the window is not well, or, after a disturbance, where nobody said anything since.
    """
    seconds = step.timeline
    if not seconds:
        return math.inf
    members = EVERYBODY * (step.joined - step.stalled) if disturbance else 0.0
    limit_ms = max(slo_ms, TIMES_BEFORE * _p99_before_ms(seconds, disturbance))
    start_ns = disturbance.start_ns if disturbance else 0
    concerned = [second for second in seconds if second.start_ns + SECOND_NS > start_ns]
    unwell = [place for place, second in enumerate(concerned) if not _is_well(second, limit_ms, members)]
    since = concerned[unwell[-1] + 1 :] if unwell else concerned
    is_over = any(second.messages for second in since) if disturbance else bool(since)
    if not is_over:
        return math.inf
    if not unwell:
        return 0.0
    from_ns = disturbance.end_ns if disturbance else concerned[unwell[0]].start_ns
    return max(0.0, (concerned[unwell[-1]].start_ns + SECOND_NS - from_ns) / 1e9)


def _is_well(second: Second, limit_ms: float, members: float) -> bool:
    return (
        second.delivered == second.expected
        and second.expected >= members * second.messages
        and (second.p99 or 0.0) <= limit_ms
    )


def _p99_before_ms(seconds: Sequence[Second], disturbance: Disturbance | None) -> float:
    """Return the median p99 of the seconds that were over before a disturbance; 0 where there are none."""
    before = [
        second.p99
        for second in seconds
        if disturbance and second.start_ns + SECOND_NS <= disturbance.start_ns and second.p99 is not None
    ]
    return statistics.median(before) if before else 0.0
