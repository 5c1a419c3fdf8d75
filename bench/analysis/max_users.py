"""How many users each strategy serves within the SLO."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.analysis.slo import is_within_slo
from bench.model.percentile import Percentile
from bench.model.summary import Summary

MIN_DELIVERED_RATIO = 0.95
"""A server that delivers this share of what is offered keeps up: a window's edges move a few per cent either way."""


def within_slo(summary: Summary, strategy: str, users: int) -> bool | None:
    """Whether `strategy` is within the SLO at a user count, or `None` where that is unknown.

    It has to be in every valid block, and these have to be more than half. A block is excused only where the run itself
    was at fault, not where the server failed or kicked members, or nothing was measured, or where the bounds of its
    latency lie on either side of the SLO.
    """
    cells = summary.blocks_of(strategy, users)
    valid = [cell for cell in cells if cell.valid]
    found = [is_within_slo(cell, Percentile.P99, summary.plan.slo_ms) for cell in valid]
    if False in found:
        return False
    if None in found:
        return None
    failed = {failure.block for failure in summary.failures if failure.strategy == strategy}
    excused = [cell for cell in cells if not (cell.valid or cell.server.kicked or cell.block in failed)]
    blocks = summary.plan.blocks
    return True if len(valid) > blocks / 2 and len(valid) + len(excused) == blocks else None


@dataclass(frozen=True, slots=True)
class MaxUsers:
    """The largest user count within the SLO, and the counts of which that is `unknown`, up to the first beyond it.

    `invalid_blocks` is how many blocks of `users` are invalid.
    """

    users: int
    unknown: tuple[int, ...] = ()
    invalid_blocks: int = 0


def max_users_within_slo(summary: Summary, strategy: str) -> MaxUsers:
    """Return the largest user count of `strategy` within the SLO below the first that is not, or 0."""
    most = MaxUsers(0)
    for users in summary.plan.workload.users:
        match within_slo(summary, strategy, users):
            case True:
                invalid = sum(not cell.valid for cell in summary.blocks_of(strategy, users))
                most = MaxUsers(users, most.unknown, invalid)
            case False:
                break
            case None:
                most = replace(most, unknown=(*most.unknown, users))
    return most
