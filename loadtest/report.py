"""The delivery table that the swarm prints at its end, and its exit code."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.ledger.result import Step, SwarmResult

MIN_WIDTH = 110


def exit_code(result: SwarmResult | None) -> int:
    """Return 0 if every step was measured, is valid, and had every delivery once, unaltered and in order; else 1."""
    if result is None or not result.steps or result.not_measured or result.problems:
        return 1
    faults = ("missing", "corrupted", "duplicates", "reordered")
    return int(any(not step.valid or any(getattr(step, fault) for fault in faults) for step in result.steps))


def show(result: SwarmResult) -> None:
    """Print the tables, why steps are invalid, and which user counts were not measured."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, MIN_WIDTH)
    if result.steps:
        console.print(_counts(result.steps), _times(result.steps))
    else:
        console.print("nothing was measured: no window was reached")
    for step in result.steps:
        for reason in step.reasons:
            console.print(Text(f"{step.users} users: NOT VALID: {reason}", style="red"))
        for warning in step.warnings:
            console.print(Text(f"{step.users} users: {warning}", style="yellow"))
    for problem in result.problems:
        console.print(Text(problem, style="red"))
    if result.not_measured:
        counts = ", ".join(map(str, result.not_measured))
        why = "interrupted" if result.interrupted else "the step before did not drain, or nobody could join"
        console.print(f"not measured: {counts} users ({why})")


def _counts(steps: list[Step]) -> Table:
    table = _table(
        "Deliveries",
        (
            "users",
            "attempted",
            "expected",
            "delivered",
            "missing",
            "late",
            "corrupted",
            "duplicated",
            "reordered",
            "valid",
        ),
    )
    for step in steps:
        counts = (
            *(step.expected, step.delivered, step.missing),
            *(step.late, step.corrupted, step.duplicates, step.reordered),
        )
        table.add_row(
            str(step.users),
            f"{step.offered_messages} of {step.planned_messages}",
            *map(str, counts),
            "yes" if step.valid else "NO",
        )
    return table


def _times(steps: list[Step]) -> Table:
    table = _table(
        "Delivery latency, and the swarm's own lag, in ms (p50 / p99); its CPU in us",
        ("users", "p50", "p90", "p99", "p99.9", "max", "schedule lag", "read lag", "CPU a delivery"),
    )
    for step in steps:
        latency, generator = step.latency_ms, step.generator
        table.add_row(
            str(step.users),
            *(_ms(value) for value in (latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max)),
            f"{generator.schedule_lag_p50_ms:.2f} / {generator.schedule_lag_p99_ms:.2f}",
            f"{generator.read_lag_p50_ms:.2f} / {generator.read_lag_p99_ms:.2f}",
            f"{generator.cpu_us_per_delivery:.1f}",
        )
    return table


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"
