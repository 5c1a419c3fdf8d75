"""Figures of the stacks: how the servers of others broadcast, beside ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from bench.analysis.brackets import comparable_p99
from bench.analysis.joint_sign_flip import adjusted_p
from bench.analysis.max_users import max_users_within_slo
from bench.analysis.paired_tests import SIGNIFICANCE
from bench.claims.medians import OfCell, p50_ms, p99_ms, server_cpu_us, spread
from bench.claims.stored_results import StoredResults
from bench.errors import FiguresError
from bench.model.summary import Cell, Summary
from bench.presentation.figures.writing import code, ms, prose, table
from bench.presentation.table import Column
from bench.presentation.text import listing
from bench.scenarios.result import ScenarioResult

NOTHING = "-"


def stacks(results: StoredResults, campaign: str, idle: str, stalled: str, users: str) -> str:
    """Show each server: the most users within the SLO, and its figures at one user count.

    `idle` and `stalled` are the campaigns of idle connections and of one stalled member.
    """
    summary, count = results.summary(campaign), int(users)
    kib = {one.strategy: one.bytes_per_connection / 1024 for one in results.connections(idle).servers}
    beside_stalled = _beside_one_stalled(results.scenario(stalled))
    labels = [arm.label for arm in summary.plan.arms]
    most = {label: max_users_within_slo(summary, label).users for label in labels}
    at_count = {label: [cell for cell in summary.blocks_of(label, count) if cell.valid] for label in labels}
    rows = [
        [
            code(label),
            _most(most[label], summary),
            *(_median(at_count[label], of_cell, "latency", ms) for of_cell in (p50_ms, p99_ms)),
            _median(at_count[label], server_cpu_us, "CPU time", lambda value: f"{value:.1f}"),
            f"{sum(cell.missing for cell in summary.cells if cell.strategy == label and cell.valid):,}",
            f"{kib[label]:.1f}" if label in kib else NOTHING,
            ms(beside_stalled[label]) if label in beside_stalled else NOTHING,
        ]
        for label in sorted(labels, key=lambda label: (-most[label], _p99(at_count[label])))
    ]
    counts = ", ".join(f"{each:,}" for each in summary.plan.workload.users)
    headings = (
        f"users within {summary.plan.slo_ms:g} ms, of {counts}",
        f"p50 ms at {count:,}",
        f"p99 ms at {count:,}",
        f"server CPU at {count:,}, us a delivery",
        "missing at all counts",
        "KiB a connection",
        "p99 ms beside one stalled",
    )
    return table([Column("server"), *headings], rows)


def stack_verdicts(results: StoredResults, campaign: str, baseline: str, users: str) -> str:
    """Say which servers differ from one of them at a user count, all tested together."""
    summary, count = results.summary(campaign), int(users)
    others = [arm.label for arm in summary.plan.arms if arm.label != baseline]
    if len(others) == len(summary.plan.arms):
        raise FiguresError(f"{campaign} has no {baseline!r}; name one of its servers")
    ratios = np.array([_log_ratios(summary, label, baseline, count) for label in others])
    found: dict[str, list[str]] = {"shorter": [], "longer": [], "no difference": [], "saturated": []}
    is_finite = ~np.isinf(ratios).any(axis=1)
    found["saturated"] = [code(label) for label, finite in zip(others, is_finite, strict=True) if not finite]
    tested = [label for label, finite in zip(others, is_finite, strict=True) if finite]
    p_values = adjusted_p(ratios[is_finite]) if tested else []
    for label, of_blocks, p in zip(tested, ratios[is_finite], p_values, strict=True):
        known = of_blocks[~np.isnan(of_blocks)]
        if p > SIGNIFICANCE or not len(known):
            found["no difference"].append(code(label))
        else:
            ratio = math.exp(float(np.median(known)))
            found["shorter" if ratio < 1 else "longer"].append(f"{code(label)} ({ratio:.2f})")
    rate = summary.plan.workload.room_rate
    return prose(
        f"With {count:,} users, {count * rate:,.0f} deliveries a second, the p99 as a multiple of that of "
        f"{code(baseline)} ({summary.plan.blocks} blocks, {len(tested)} servers tested together):",
        f"shorter {listing(found['shorter'])}." if found["shorter"] else "none is shorter.",
        f"Longer {listing(found['longer'])}." if found["longer"] else "None is longer.",
        f"No difference found: {listing(found['no difference'])}." if found["no difference"] else "",
        f"Saturated, or missing too much, in a block or more, and not tested: {listing(found['saturated'])}."
        if found["saturated"]
        else "",
    )


def stack_versions(results: StoredResults, campaign: str) -> str:
    """Show what each server of others consists of."""
    rows = [
        [code(arm.label), ", ".join(version.replace("==", " ") for version in arm.target.start.versions)]
        for arm in results.summary(campaign).plan.arms
        if arm.target and arm.target.start
    ]
    return table([Column("server"), Column("versions")], rows)


def _log_ratios(summary: Summary, label: str, baseline: str, users: int) -> list[float]:
    """Return a log-ratio for each block; `nan` where a cell is invalid or absent, or neither latency is finite."""
    sides = [
        {cell.block: comparable_p99(cell).high for cell in summary.blocks_of(name, users) if cell.valid}
        for name in (label, baseline)
    ]
    with np.errstate(invalid="ignore"):  # inf less inf
        return [
            float(np.log(sides[0].get(block, math.nan)) - np.log(sides[1].get(block, math.nan)))
            for block in range(1, summary.plan.blocks + 1)
        ]


def _beside_one_stalled(result: ScenarioResult) -> dict[str, float]:
    """Return the p99 of the members that read while one does not, the median of the valid rows."""
    cells: dict[str, list[Cell]] = {}
    for row in result.rows:
        if row.conditions.stalled == 1 and row.cell and row.valid:
            cells.setdefault(row.strategy, []).append(row.cell)
    return {name: _p99(of_name) for name, of_name in cells.items()}


def _most(users: int, summary: Summary) -> str:
    return f"at least {users:,}" if users == summary.plan.workload.users[-1] else f"{users:,}"


def _median(cells: Sequence[Cell], of_cell: OfCell, what: str, write: Callable[[float], str]) -> str:
    return write(spread(cells, of_cell, what).median) if cells else NOTHING


def _p99(cells: Sequence[Cell]) -> float:
    return spread(cells, p99_ms, "p99").median if cells else math.inf
