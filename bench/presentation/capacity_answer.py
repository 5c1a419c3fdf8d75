"""The answer of a capacity search: one sentence, a table, and how sure each strategy's capacity is."""

from __future__ import annotations

from bench.capacity.result import Capacity, CapacityPlan, CapacityResult, Limit
from bench.presentation.max_users_wording import maximum_within_slo
from bench.presentation.table import Answer, Column, Row, Table, numbers

LIMITS = {
    Limit.SERVER: "the server was the limit",
    Limit.GENERATOR: "the generator was the limit",
    Limit.DOUBT: "the tries beyond that are invalid",
    Limit.RANGE: "no limit was reached",
    Limit.UNFINISHED: "no limit was reached",
}


def capacity_answer(result: CapacityResult) -> Answer:
    """Return the maximum load of each strategy within the SLO, and the evidence."""
    return Answer(
        (f"{capacity_finding(result)}.",),
        _table(result),
        tuple(f"{'. '.join(sentences(result.plan, capacity))}." for capacity in result.capacities),
    )


def capacity_finding(result: CapacityResult) -> str:
    """Say in one sentence what the maximum load of each strategy is, the largest first."""
    ranked = sorted(result.capacities, key=lambda capacity: -capacity.held)
    amounts = ", ".join(f"{each.strategy} {amount(each)}" for each in ranked)
    return f"{maximum_within_slo(result.plan.by.unit, result.plan.slo)}: {amounts}"


def amount(capacity: Capacity) -> str:
    """Write the maximum load: `436`, `at least 3,200`, `about 400, not confirmed`, `none` or `unknown`."""
    is_server = capacity.limited_by is Limit.SERVER
    if not capacity.held:
        return "none" if is_server and capacity.confirmed else "unknown"
    if not capacity.confirmed:
        return f"about {capacity.held:,}, not confirmed"
    return f"{capacity.held:,}" if is_server else f"at least {capacity.held:,}"


def sentences(plan: CapacityPlan, capacity: Capacity) -> list[str]:
    """Say what a strategy's maximum load is and how sure that is, and what the limit was."""
    unit = f" {plan.by.unit}" if capacity.held else ""
    found = [
        f"{capacity.strategy}: {amount(capacity)}{unit} ({_interval(capacity)})",
        f"{LIMITS[capacity.limited_by].capitalize()}: {capacity.evidence}",
    ]
    if not capacity.confirmed:
        found.insert(1, "Not confirmed: the search ended early")
    return found


def _table(result: CapacityResult) -> Table:
    columns = (
        Column("strategy"),
        *numbers(f"maximum {result.plan.by.unit}", "within SLO in all tries", "beyond SLO in all tries", "tries"),
        Column("limit"),
    )
    rows = tuple(
        Row(
            (
                capacity.strategy,
                amount(capacity),
                f"{capacity.low:,}",
                "-" if capacity.high is None else f"{capacity.high:,}",
                f"{capacity.tries:,}",
                capacity.limited_by + ("" if capacity.confirmed else ", not confirmed"),
            )
        )
        for capacity in result.capacities
    )
    return Table("", columns, rows)


def _interval(capacity: Capacity) -> str:
    """Name the loads that all tries agree on."""
    low = f"all tries within the SLO at {capacity.low:,}" if capacity.low else "no load within the SLO in all tries"
    high = "none failed in all" if capacity.high is None else f"all failed at {capacity.high:,}"
    return f"{low}, {high}"
