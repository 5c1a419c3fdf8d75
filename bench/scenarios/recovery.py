"""The time that a room took to recover, from the timeline of a window."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.scenarios.disturbance import Disturbance
from loadtest.ledger.result import Second, Step

SECOND_NS = 1_000_000_000
MAX_P99_RATIO_TO_BEFORE = 2.0
MIN_MEMBERS_BACK_RATIO = 0.99
MIN_OFFERED_RATIO = 0.95
"""Of the messages planned for a second, those that were not withdrawn, so that its load is that of the plan."""


def time_to_recover_s(
    step: Step, slo_ms: float, disturbance: Disturbance | None, flooders: int = 0, *, has_echo: bool = True
) -> float:
    """Return the time in seconds from the end of a disturbance to the end of the last unhealthy second.

    A second is healthy if no delivery that was due in it is missing and its p99 is at most `slo_ms` or twice the
    highest p99 of a second before the disturbance, whichever is larger: the highest, because with Poisson arrivals the
    p99 of one second, a message or two, varies by itself. After a disturbance 99 % of the members also have to be
    back (but for `flooders`, at whom nothing is expected, and a message's sender where the server has no echo), and
    95 % of the messages planned for the second not withdrawn. A second for which none was planned shows nothing: it
    neither ends a recovery nor extends it.
    Without a disturbance that ends, the time counts from the beginning of the first unhealthy second. It is infinite
    unless a healthy second follows the last unhealthy one, and ends after the disturbance.
    """
    start_ns = disturbance.start_ns if disturbance else 0
    end_ns = disturbance.end_ns if disturbance else 0
    considered = [
        second
        for second in step.timeline
        if second.start_ns + SECOND_NS > start_ns and second.messages + second.withdrawn
    ]
    members = MIN_MEMBERS_BACK_RATIO * (step.joined - step.stalled - flooders - (not has_echo)) if disturbance else 0.0
    offered = MIN_OFFERED_RATIO if disturbance else 0.0
    limit_ms = max(slo_ms, MAX_P99_RATIO_TO_BEFORE * _p99_before_ms(step.timeline, disturbance))
    unhealthy = [second for second in considered if not _is_healthy(second, limit_ms, members, offered)]
    if not considered or considered[-1] in unhealthy[-1:] or considered[-1].start_ns + SECOND_NS <= end_ns:
        return math.inf
    if not unhealthy:
        return 0.0
    from_ns = end_ns if disturbance else unhealthy[0].start_ns
    return max(0.0, (unhealthy[-1].start_ns + SECOND_NS - from_ns) / 1e9)


def _is_healthy(second: Second, limit_ms: float, members: float, offered: float) -> bool:
    return (
        second.delivered == second.expected
        and second.expected >= members * second.messages
        and second.messages >= offered * (second.messages + second.withdrawn)
        and (second.p99 or 0.0) <= limit_ms
    )


def _p99_before_ms(seconds: Sequence[Second], disturbance: Disturbance | None) -> float:
    """Return the highest finite p99 of the seconds that ended before a disturbance; 0 if there are none."""
    before = (
        second.p99
        for second in seconds
        if disturbance and second.start_ns + SECOND_NS <= disturbance.start_ns and second.p99 is not None
    )
    return max(before, default=0.0)
