"""The answer of a comparison: how many users each strategy holds within the objective."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.summary import Cell, Summary


def within_objective(cell: Cell, slo_ms: float) -> bool:
    """Whether a cell may be believed, misses nothing and has a p99 within the objective."""
    p99 = cell.latency_ms.p99
    return cell.valid and cell.missing == 0 and p99 is not None and p99 <= slo_ms


def users_held(summary: Summary, strategy: str) -> int:
    """Return the largest user count up to which `strategy` holds the objective in every block, or 0.

    A count that may not be believed tells nothing, for or against the ones above it.
    """
    plan = summary.plan
    held = 0
    for users in plan.workload.users:
        cells = summary.blocks_of(strategy, users)
        if any(cell.valid and not within_objective(cell, plan.slo_ms) for cell in cells):
            break
        if len(cells) == plan.blocks and all(cell.valid for cell in cells):
            held = users
    return held


def finding(summary: Summary) -> str:
    """Say in one sentence what each strategy holds, the best first."""
    plan = summary.plan
    measured = {cell.strategy for cell in summary.cells}
    held: dict[int, list[str]] = {}
    for arm in plan.arms:
        if arm.label in measured:
            held.setdefault(users_held(summary, arm.label), []).append(arm.label)
    unknown = [arm.label for arm in plan.arms if arm.label not in measured]
    objective = f"p99 <= {plan.slo_ms:g} ms"
    most_tried = max(plan.workload.users)
    parts: list[str] = []
    for users in sorted(held, reverse=True):
        names = held[users]
        verb = "" if parts else (" hold" if len(names) > 1 else " holds")
        nothing = "none" if parts else "no user count tried"
        what = f"{users:,}{'' if parts else ' users'}" if users else nothing
        parts.append(f"{listing(names)}{verb} {what}{' (the most tried)' * (users == most_tried)}")
    if unknown:
        parts.append(f"{listing(unknown)} not measured")
    return f"Within {objective}: {'; '.join(parts)}"


def or_infinite(latency_ms: float | None) -> float:
    """Turn a percentile that falls among missing deliveries into what it is: infinitely late."""
    return math.inf if latency_ms is None else latency_ms


def listing(names: Sequence[str]) -> str:
    """Join names as people do: `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
