"""Figures of gates: what one says of unchanged code and of code that is slower by a known share."""

from __future__ import annotations

from bench.claims.stored_results import StoredResults
from bench.errors import FiguresError
from bench.gate.check import overall
from bench.gate.within_campaign import check_against_variant
from bench.presentation.figures.writing import code, table
from bench.presentation.table import Column

METRICS = ("p50", "p99", "cpu_us_per_delivery")
ALLOWED = 0.0
ROLES = ("the same code again", "slower code")


def gate_demonstration(results: StoredResults, campaign: str) -> str:
    """Show every check of both changes: then, now, their ratio with its interval, and the outcome."""
    summary = results.summary(campaign)
    if len(summary.plan.arms) != 1 + len(ROLES):
        raise FiguresError(f"{campaign} has {len(summary.plan.arms)} variants; give one of gate_demonstration's")
    old, *others = summary.plan.arms
    rows = []
    for role, new in zip(ROLES, others, strict=True):
        checks = check_against_variant(summary, [(new, old)], summary.plan.workload.users, METRICS, ALLOWED)
        rows += [
            [
                role if each is checks[0] else "",
                f"{each.users:,}",
                code(each.must_hold.split()[0]),
                each.found,
                each.outcome,
            ]
            for each in checks
        ]
        rows.append(["", "", "", "**the gate**", f"**{overall(checks)}**"])
    return table([Column("change"), "users", Column("measure"), Column("then, now, ratio (90 %)"), Column("")], rows)
