"""The answer of a campaign as a table for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.answer import finding, within_objective
from bench.summary import Cell, Summary


def answer_table(summary: Summary) -> RenderableType:
    """Show every cell, what was not measured and why, and the answer in one sentence."""
    several_blocks = summary.plan.blocks > 1
    table = Table(caption_justify="left")
    table.add_column("strategy")
    for heading in ("block",) * several_blocks + (
        "users",
        "p50 ms",
        "p99 ms",
        "max ms",
        "delivered/s",
        "missing",
        "CPU us/delivery",
    ):
        table.add_column(heading, justify="right")
    table.add_column("within objective")
    for arm in summary.plan.arms:
        for cell in sorted(
            (cell for cell in summary.cells if cell.strategy == arm.label),
            key=lambda cell: (cell.users, cell.block),
        ):
            table.add_row(cell.strategy, *[str(cell.block)] * several_blocks, *_figures(cell), _mark(cell, summary))
        table.add_section()
    remarks = [
        f"{cell.strategy}, {cell.users} users, block {cell.block}: {kind}: {text}"
        for cell in summary.cells
        for kind, texts in (("invalid", cell.reasons), ("warning", cell.warnings))
        for text in texts
    ]
    remarks += [
        f"{gap.strategy}, {gap.users} users, block {gap.block}: not measured: {gap.reason}"
        for gap in summary.not_measured
    ]
    return Group(table, *map(Text, remarks), Text(f"{finding(summary)}.", style="bold"))


def _figures(cell: Cell) -> list[str]:
    latency, cpu = cell.latency_ms, cell.server.cpu_us_per_delivery
    return [
        f"{cell.users:,}",
        *map(_milliseconds, (latency.p50, latency.p99, latency.max)),
        f"{cell.deliveries_per_s:,.0f}",
        f"{cell.missing:,}",
        "unknown" if cpu is None else f"{cpu:.1f}",
    ]


def _milliseconds(value: float | None) -> str:
    return "never" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def _mark(cell: Cell, summary: Summary) -> str:
    if not cell.valid:
        return "invalid"
    word = "yes" if within_objective(cell, summary.plan.slo_ms) else "no"
    return f"{word}, saturated" if cell.saturated else word
