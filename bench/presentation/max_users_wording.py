"""The maximum users within the SLO, in words."""

from __future__ import annotations

from bench.analysis.max_users import MaxUsers, max_users_within_slo
from bench.analysis.support import all_carry
from bench.model.percentile import Percentile
from bench.model.plan import Plan
from bench.model.summary import Summary
from bench.presentation.text import listed_numbers, listing


def slo_finding(summary: Summary) -> str:
    """Say in one sentence how many users each strategy serves within the SLO, the best first.

    Windows with too few messages for the SLO's percentile are named as such: they show little of its tail.
    """
    plan = summary.plan
    measured = {cell.strategy for cell in summary.cells}
    found: dict[MaxUsers, list[str]] = {}
    for arm in plan.arms:
        if arm.label in measured:
            found.setdefault(max_users_within_slo(summary, arm.label), []).append(arm.label)
    parts = [
        f"{listing(found[most])} {_amount(most, plan)}"
        for most in sorted(found, key=lambda one: one.users, reverse=True)
    ]
    if not_measured := [arm.label for arm in plan.arms if arm.label not in measured]:
        parts.append(f"{listing(not_measured)} not measured")
    slo = f"p99 <= {plan.slo_ms:g} ms"
    if not all_carry(summary.cells, plan.workload, Percentile.P99.number):
        slo += ", in windows too short for a p99"
    return f"{maximum_within_slo('users', slo)}: {'; '.join(parts)}"


def maximum_within_slo(unit: str, slo: str) -> str:
    """Name the figure that a campaign and a search answer with."""
    return f"Maximum {unit} within the SLO ({slo})"


def _amount(most: MaxUsers, plan: Plan) -> str:
    notes = []
    amount = f"{most.users:,}" if most.users else "none for certain" if most.unknown else "none"
    if most.users == max(plan.workload.users):
        notes.append("the highest count tried")
    if most.invalid_blocks:
        notes.append(f"{plan.blocks - most.invalid_blocks} of {plan.blocks} blocks")
    if most.unknown:
        notes.append(f"unknown at {listed_numbers(most.unknown)}")
    return f"{amount} ({'; '.join(notes)})" if notes else amount
