"""The answer of a campaign for people: in words first, then as a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.slo import finding, is_held, listing, or_infinite, within_objective
from bench.model.summary import Cell, Summary
from bench.presentation.comparison_wording import verdicts


def answer_table(summary: Summary) -> RenderableType:
    """Give the answer in sentences, show every user count, and tell what was not measured and why.

    Several blocks are one row: medians, the range of the p99 and all that is missing, of those that may be believed.
    """
    first, *numbers, last = headings(summary)
    table = Table(first)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=not heading.startswith("CPU"))
    table.add_column(last)
    for arm in summary.plan.arms:
        for users in summary.plan.workload.users:
            if cells := summary.blocks_of(arm.label, users):
                table.add_row(*row(cells, summary))
        table.add_section()
    answer = [f"{sentence}." for sentence in (*verdicts(summary), finding(summary))]
    return Group(*(Text(line, style="bold") for line in answer), table, *map(Text, remarks(summary)))


def milliseconds(value: float | None) -> str:
    """Write a latency with the digits that matter; `None` is one that falls among missing deliveries."""
    return "never" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def headings(summary: Summary) -> tuple[str, ...]:
    """Name the columns of `row`; all but the first and the last are numbers."""
    several = summary.plan.blocks > 1
    latencies = ("p50 ms", "p99 ms", "range of p99" if several else "max ms")
    blocks = ("blocks",) if several else ()
    return ("strategy", "users", *latencies, "delivered/s", "missing", "CPU us/delivery", *blocks, "within objective")


def row(cells: Sequence[Cell], summary: Summary) -> list[str]:
    """Write one user count of one strategy."""
    several = summary.plan.blocks > 1
    valid = [cell for cell in cells if cell.valid]
    shown = valid or cells
    latencies = [cell.latency_ms for cell in shown]
    p99 = [or_infinite(latency.p99) for latency in latencies]
    cpu = [cell.server.cpu_us_per_delivery for cell in shown if cell.server.cpu_us_per_delivery is not None]
    return [
        cells[0].strategy,
        f"{cells[0].users:,}",
        _median_ms(latency.p50 for latency in latencies),
        _median_ms(latency.p99 for latency in latencies),
        _range_ms(p99) if several else _median_ms(latency.max for latency in latencies),
        f"{statistics.median(cell.deliveries_per_s for cell in shown):,.0f}",
        f"{sum(cell.missing for cell in shown):,}",
        f"{statistics.median(cpu):.1f}" if cpu else "unknown",
        *[f"{len(valid)} of {summary.plan.blocks}"] * several,
        _mark(cells, summary),
    ]


def _median_ms(values: Iterable[float | None]) -> str:
    return _finite_or_never(statistics.median(map(or_infinite, values)))


def _range_ms(values: Sequence[float]) -> str:
    lowest, highest = (_finite_or_never(end(values)) for end in (min, max))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _finite_or_never(value: float) -> str:
    return milliseconds(value if value < math.inf else None)


def _mark(cells: Sequence[Cell], summary: Summary) -> str:
    """Say whether the blocks that may be believed are within the objective, and enough to tell."""
    valid = [cell for cell in cells if cell.valid]
    if not valid:
        return "invalid"
    within = sum(within_objective(cell, summary.plan.slo_ms) for cell in valid)
    word = "no" if not within else f"{within} of {len(valid)}"
    if within == len(valid):
        word = "yes" if is_held(summary, cells[0].strategy, cells[0].users) else "unknown"
    return f"{word}, saturated" if any(cell.saturated for cell in valid) else word


def remarks(summary: Summary) -> list[str]:
    """Tell of every fault and gap, once for all blocks that share it."""
    told = [
        (cell.strategy, cell.users, f"{kind}: {text}", cell.block)
        for cell in summary.cells
        for kind, texts in (("invalid", cell.reasons), ("warning", cell.warnings))
        for text in texts
    ]
    told += [(gap.strategy, gap.users, f"not measured: {gap.reason}", gap.block) for gap in summary.not_measured]
    blocks: dict[tuple[str, int, str], list[str]] = {}
    for strategy, users, text, block in told:
        blocks.setdefault((strategy, users, text), []).append(str(block))
    return [
        f"{strategy}, {users} users, {'block' if len(found) == 1 else 'blocks'} {listing(found)}: {text}"
        for (strategy, users, text), found in blocks.items()
    ]
