"""The answer of a comparison: how many users each strategy holds within the objective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.model.plan import Plan
from bench.model.summary import Cell, Summary

KEEPS_UP = 0.95
"""A server that delivers this share of what is offered keeps up: a window's edges move a few per cent either way."""


def within_objective(cell: Cell, slo_ms: float) -> bool:
    """Whether a cell may be believed, misses nothing and has a p99 within the objective."""
    p99 = cell.latency_ms.p99
    return cell.valid and cell.missing == 0 and p99 is not None and p99 <= slo_ms


def is_held(summary: Summary, strategy: str, users: int) -> bool | None:
    """Whether `strategy` holds the objective at a user count, or `None` where that is unknown.

    It has to in every block that may be believed, and these have to be more than half. A block is left out of account
    only where the run itself was at fault, not where the server failed or kicked members, or nothing was measured.
    """
    cells = summary.blocks_of(strategy, users)
    valid = [cell for cell in cells if cell.valid]
    if not all(within_objective(cell, summary.plan.slo_ms) for cell in valid):
        return False
    failed = {failure.block for failure in summary.failures if failure.strategy == strategy}
    excused = [cell for cell in cells if not (cell.valid or cell.server.kicked or cell.block in failed)]
    blocks = summary.plan.blocks
    return True if len(valid) > blocks / 2 and len(valid) + len(excused) == blocks else None


@dataclass(frozen=True, slots=True)
class Holding:
    """How many users a strategy holds, and the counts of which that is unknown, up to the first that fails.

    `doubtful_blocks` is in how many blocks `users` may not be believed.
    """

    users: int
    unknown: tuple[int, ...] = ()
    doubtful_blocks: int = 0


def users_held(summary: Summary, strategy: str) -> Holding:
    """Return the largest user count that `strategy` holds below all that it does not, or 0."""
    held = Holding(0)
    for users in summary.plan.workload.users:
        match is_held(summary, strategy, users):
            case True:
                doubtful = sum(not cell.valid for cell in summary.blocks_of(strategy, users))
                held = Holding(users, held.unknown, doubtful)
            case False:
                break
            case None:
                held = replace(held, unknown=(*held.unknown, users))
    return held


def finding(summary: Summary) -> str:
    """Say in one sentence what each strategy holds, the best first."""
    plan = summary.plan
    measured = {cell.strategy for cell in summary.cells}
    held: dict[Holding, list[str]] = {}
    for arm in plan.arms:
        if arm.label in measured:
            held.setdefault(users_held(summary, arm.label), []).append(arm.label)
    not_measured = [arm.label for arm in plan.arms if arm.label not in measured]
    parts: list[str] = []
    for holding in sorted(held, key=lambda one: one.users, reverse=True):
        verb = "" if parts else (" hold" if len(held[holding]) > 1 else " holds")
        what = _amount(holding, plan, is_first=not parts)
        parts.append(f"{listing(held[holding])}{verb} {what}")
    if not_measured:
        parts.append(f"{listing(not_measured)} not measured")
    return f"Within p99 <= {plan.slo_ms:g} ms: {'; '.join(parts)}"


def _amount(holding: Holding, plan: Plan, *, is_first: bool) -> str:
    notes = []
    if holding.users:
        amount = f"{holding.users:,}{' users' * is_first}"
        if holding.users == max(plan.workload.users):
            notes.append("the most tried")
        if holding.doubtful_blocks:
            notes.append(f"{plan.blocks - holding.doubtful_blocks} of {plan.blocks} blocks")
    elif holding.unknown:
        amount = "no user count for sure" if is_first else "none for sure"
    else:
        amount = "no user count tried" if is_first else "none"
    if holding.unknown:
        notes.append(f"unknown at {listing([f'{users:,}' for users in holding.unknown])}")
    return f"{amount} ({'; '.join(notes)})" if notes else amount


def or_infinite(latency_ms: float | None) -> float:
    """Turn a percentile that falls among missing deliveries into what it is: infinitely late."""
    return math.inf if latency_ms is None else latency_ms


def listing(names: Sequence[str]) -> str:
    """Join names as people do: `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
