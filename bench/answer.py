"""The answer of a comparison: how many users each strategy holds within the objective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.summary import Cell, Summary


def within_objective(cell: Cell, slo_ms: float) -> bool:
    """Whether a cell may be believed, misses nothing and has a p99 within the objective."""
    p99 = cell.latency_ms.p99
    return cell.valid and cell.missing == 0 and p99 is not None and p99 <= slo_ms


@dataclass(frozen=True, slots=True)
class Holding:
    """How many users a strategy holds, and the counts above that of which it is unknown, up to the first that fails."""

    users: int
    unknown: tuple[int, ...] = ()


def users_held(summary: Summary, strategy: str) -> Holding:
    """Return the largest user count up to which `strategy` holds the objective in every block, or 0.

    A count that may not be believed, or was not measured in every block, tells nothing, for or against the ones above.
    """
    plan = summary.plan
    held = Holding(0)
    for users in plan.workload.users:
        cells = summary.blocks_of(strategy, users)
        if any(cell.valid and not within_objective(cell, plan.slo_ms) for cell in cells):
            break
        if len(cells) == plan.blocks and all(cell.valid for cell in cells):
            held = Holding(users)
        else:
            held = Holding(held.users, (*held.unknown, users))
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
        what = _amount(holding, max(plan.workload.users), is_first=not parts)
        parts.append(f"{listing(held[holding])}{verb} {what}")
    if not_measured:
        parts.append(f"{listing(not_measured)} not measured")
    return f"Within p99 <= {plan.slo_ms:g} ms: {'; '.join(parts)}"


def _amount(holding: Holding, most_tried: int, *, is_first: bool) -> str:
    if holding.users:
        amount = f"{holding.users:,}{' users' * is_first}{' (the most tried)' * (holding.users == most_tried)}"
    elif holding.unknown:
        amount = "no user count for sure" if is_first else "none for sure"
    else:
        amount = "no user count tried" if is_first else "none"
    unknown = listing([f"{users:,}" for users in holding.unknown]) if holding.unknown else ""
    return f"{amount} (unknown at {unknown})" if unknown else amount


def or_infinite(latency_ms: float | None) -> float:
    """Turn a percentile that falls among missing deliveries into what it is: infinitely late."""
    return math.inf if latency_ms is None else latency_ms


def listing(names: Sequence[str]) -> str:
    """Join names as people do: `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
