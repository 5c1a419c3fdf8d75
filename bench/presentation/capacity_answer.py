"""The answer of a search: in one sentence, a sentence a strategy, and as a table."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.capacity.result import Capacity, CapacityPlan, CapacityResult, Limit

LIMITS = {
    Limit.SERVER: "the server was the limit",
    Limit.GENERATOR: "the generator was the limit",
    Limit.DOUBT: "beyond that the tries may not be believed",
    Limit.RANGE: "no limit was met",
    Limit.UNFINISHED: "no limit was met",
}


def finding(result: CapacityResult) -> str:
    """Say in one sentence what each strategy holds, the most first."""
    ranked = sorted(result.capacities, key=lambda capacity: -capacity.held)
    held = ", ".join(f"{each.strategy} {amount(each)}" for each in ranked)
    return f"{result.plan.by.unit.capitalize()} held within {result.plan.slo}: {held}"


def amount(capacity: Capacity) -> str:
    """Write what is held: `436`, `at least 3,200`, `about 400, not confirmed`, `none` or `unknown`."""
    is_server = capacity.limited_by is Limit.SERVER
    if not capacity.held:
        return "none" if is_server and capacity.confirmed else "unknown"
    if not capacity.confirmed:
        return f"about {capacity.held:,}, not confirmed"
    return f"{capacity.held:,}" if is_server else f"at least {capacity.held:,}"


def sentences(plan: CapacityPlan, capacity: Capacity) -> list[str]:
    """Say what a strategy holds and how sure that is, and what was the limit."""
    told = [
        f"{capacity.strategy}: {amount(capacity)}{f' {plan.by.unit}' if capacity.held else ''} ({_interval(capacity)})",
        f"{LIMITS[capacity.limited_by].capitalize()}: {capacity.evidence}",
    ]
    if not capacity.confirmed:
        told.insert(1, "Not confirmed, for the search ended early")
    return told


def answer_table(result: CapacityResult) -> RenderableType:
    """Show what each strategy holds, the evidence, and the answer in one sentence."""
    plan = result.plan
    table = Table("strategy")
    for heading in (f"{plan.by.unit} held", "in all tries", "failed in all", "tries"):
        table.add_column(heading, justify="right")
    table.add_column("limit")
    for capacity in result.capacities:
        table.add_row(
            capacity.strategy,
            amount(capacity),
            f"{capacity.low:,}",
            "-" if capacity.high is None else f"{capacity.high:,}",
            f"{capacity.tries:,}",
            capacity.limited_by + ("" if capacity.confirmed else ", not confirmed"),
        )
    remarks = [f"{'. '.join(sentences(plan, capacity))}." for capacity in result.capacities]
    return Group(table, *map(Text, remarks), Text(f"{finding(result)}.", style="bold"))


def _interval(capacity: Capacity) -> str:
    """Tell the loads that all tries agree on."""
    low = f"all tries held {capacity.low:,}" if capacity.low else "no load was held in all tries"
    high = "none failed in all" if capacity.high is None else f"all failed {capacity.high:,}"
    return f"{low}, {high}"
