"""The time that a room took to recover, from the timeline of a window."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from bench.scenarios.disturbance import Disturbance
from loadtest.ledger.result import Second, Step

SECOND_NS = 1_000_000_000
MAX_P99_RATIO_TO_BEFORE = 2.0
MIN_MEMBERS_BACK_RATIO = 0.99


def time_to_recover_s(step: Step, slo_ms: float, disturbance: Disturbance | None) -> float:
    """Return the time in seconds from the end of a disturbance to the end of the last unhealthy second.

    A second is healthy if no delivery that was due in it is missing and its p99 is at most `slo_ms` or twice the median
    p99 before the disturbance, whichever is larger; after a disturbance, 99 % of the members also have to be back.
    Without a disturbance that ends, the time counts from the beginning of the first unhealthy second. It is infinite if
    the last second of the window is unhealthy, or, after a disturbance, if no message was due since.
    """
    seconds = step.timeline
    if not seconds:
        return math.inf
    members = MIN_MEMBERS_BACK_RATIO * (step.joined - step.stalled) if disturbance else 0.0
    limit_ms = max(slo_ms, MAX_P99_RATIO_TO_BEFORE * _p99_before_ms(seconds, disturbance))
    start_ns = disturbance.start_ns if disturbance else 0
    considered = [second for second in seconds if second.start_ns + SECOND_NS > start_ns]
    unhealthy = [index for index, second in enumerate(considered) if not _is_healthy(second, limit_ms, members)]
    since = considered[unhealthy[-1] + 1 :] if unhealthy else considered
    is_over = any(second.messages for second in since) if disturbance else bool(since)
    if not is_over:
        return math.inf
    if not unhealthy:
        return 0.0
    from_ns = disturbance.end_ns if disturbance else considered[unhealthy[0]].start_ns
    return max(0.0, (considered[unhealthy[-1]].start_ns + SECOND_NS - from_ns) / 1e9)


def _is_healthy(second: Second, limit_ms: float, members: float) -> bool:
    return (
        second.delivered == second.expected
        and second.expected >= members * second.messages
        and (second.p99 or 0.0) <= limit_ms
    )


def _p99_before_ms(seconds: Sequence[Second], disturbance: Disturbance | None) -> float:
    """Return the median p99 of the seconds that ended before a disturbance; 0 if there are none."""
    before = [
        second.p99
        for second in seconds
        if disturbance and second.start_ns + SECOND_NS <= disturbance.start_ns and second.p99 is not None
    ]
    return statistics.median(before) if before else 0.0
