"""A scenario's answer as a table for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.presentation.comparison_answer import milliseconds
from bench.scenarios.result import Row, ScenarioResult

NOTHING = "-"


def scenario_table(result: ScenarioResult) -> RenderableType:
    """Show what it shows and what to look at, a row for each run, and what speaks against one."""
    has_blocks = any(row.block > 1 for row in result.rows)
    table = Table(title=result.title, title_justify="left")
    for axis in result.axes:
        table.add_column(axis, justify="right")
    table.add_column("strategy")
    for heading in ("block",) * has_blocks + (
        *("healthy p99 ms", "missing", "to recover s", "memory peak MiB", "kicks"),
    ):
        table.add_column(heading, justify="right")
    table.add_column("believable")
    variation = None
    for row in result.rows:
        if variation not in {None, row.variation}:
            table.add_section()
        variation = row.variation
        axes = [_plain(getattr(row.conditions, axis)) for axis in result.axes]
        table.add_row(*axes, row.strategy, *[str(row.block)] * has_blocks, *_figures(row))
    remarks = [f"{row.strategy}, {row.variation}: {text}" for row in result.rows for text in _remarks(row)]
    if result.rows_not_run:
        remarks.append(f"{result.rows_not_run:,} of {result.planned_rows:,} runs were not made: it ended before them")
    return Group(Text(result.shows), table, *map(Text, remarks), Text(f"Look at: {result.look_at}", style="bold"))


def _plain(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figures(row: Row) -> list[str]:
    memory = NOTHING if row.memory_peak_mib is None else f"{row.memory_peak_mib:,.0f}"
    kicked = NOTHING if row.kicked is None else f"{row.kicked:,}"
    if row.cell is None:
        return [NOTHING, NOTHING, NOTHING, memory, kicked, "not measured"]
    recovery = "not yet" if row.time_to_recover_s is None else f"{row.time_to_recover_s:.1f}"
    p99, missing = milliseconds(row.cell.latency_ms.p99), f"{row.cell.missing:,}"
    return [p99, missing, recovery, memory, kicked, "yes" if row.believable else "no"]


def _remarks(row: Row) -> list[str]:
    if row.cell is None:
        return [f"not measured: {row.reason}"]
    return [
        *(f"not to be believed: {text}" for text in (*row.cell.reasons, *[row.reason] * bool(row.reason))),
        *(f"warning: {text}" for text in row.cell.warnings),
    ]
