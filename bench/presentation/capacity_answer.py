"""The answer of a capacity search: one sentence, a table, and how sure each strategy's capacity is."""

from __future__ import annotations

from bench.capacity.conclusion import joins_messages
from bench.capacity.result import Capacity, CapacityPlan, CapacityResult, Limit
from bench.presentation.max_users_wording import maximum_within_slo
from bench.presentation.resolution import rounded_down, rounded_to_resolution, rounded_up
from bench.presentation.table import Answer, Column, Row, Table, numbers
from bench.presentation.window_wording import too_few_messages

LIMITS = {
    Limit.SERVER: "the server was the limit",
    Limit.GENERATOR: "the generator was the limit",
    Limit.DOUBT: "the tries beyond that are invalid",
    Limit.RANGE: "no limit was reached",
    Limit.UNFINISHED: "no limit was reached",
}
NONE, UNKNOWN = "none", "unknown"


def capacity_answer(result: CapacityResult) -> Answer:
    """Return the maximum load of each strategy within the SLO, and the evidence."""
    remarks = [". ".join(sentences(result.plan, capacity)) for capacity in result.capacities]
    if shortage := too_few_messages(result.plan.workload, result.plan.percentile.number):
        remarks.append(shortage)
    return Answer((f"{capacity_finding(result)}.",), _table(result), tuple(f"{remark}." for remark in remarks))


def capacity_finding(result: CapacityResult) -> str:
    """Say in one sentence what the maximum load of each strategy is, the largest first."""
    ranked = sorted(result.capacities, key=lambda capacity: -capacity.held)
    amounts = ", ".join(f"{each.strategy} {amount(result.plan, each)}" for each in ranked)
    return f"{maximum_within_slo(result.plan.by.unit, result.plan.slo)}: {amounts}"


def amount(plan: CapacityPlan, capacity: Capacity) -> str:
    """Write the bracket of the maximum load: `between 430 and 460`, `at least 3,200`, `below 20`, `none` or `unknown`.

    It has the digits that the resolution carries, and is rounded outwards. What is not confirmed says so.
    """
    found = _bracket(plan, capacity)
    return found if capacity.confirmed or found == UNKNOWN else f"{found}, not confirmed"


def _bracket(plan: CapacityPlan, capacity: Capacity) -> str:
    resolution = plan.rules.resolution
    low = f"{rounded_down(capacity.low, resolution):,}" if capacity.low else ""
    if capacity.limited_by is not Limit.SERVER or capacity.high is None:
        return f"at least {low}" if low else UNKNOWN
    if low:
        return f"between {low} and {rounded_up(capacity.high, resolution):,}"
    return f"below {rounded_up(capacity.high, resolution):,}" if capacity.high > 1 else NONE


def sentences(plan: CapacityPlan, capacity: Capacity) -> list[str]:
    """Say what a strategy's maximum load is and how sure that is, what the limit was, and what a queue predicts."""
    bracket = _bracket(plan, capacity)
    unit = "" if bracket in (NONE, UNKNOWN) else f" {plan.by.unit}"
    found = [
        f"{capacity.strategy}: {bracket}{unit} ({_interval(capacity)})",
        f"{LIMITS[capacity.limited_by].capitalize()}: {capacity.evidence}",
    ]
    if not capacity.confirmed:
        found.insert(1, "Not confirmed: the search ended early")
    if prediction := _prediction(plan, capacity):
        found.append(prediction)
    return found


def predicted_amount(plan: CapacityPlan, capacity: Capacity) -> str:
    """Write the maximum load that a FIFO queue predicts; `-` where the costs are not known."""
    if capacity.predicted is None:
        return "-"
    return f"{rounded_to_resolution(capacity.predicted.users, plan.rules.resolution):,}"


def _prediction(plan: CapacityPlan, capacity: Capacity) -> str:
    """Say what a FIFO queue predicts and from what; empty where the costs are not known."""
    if capacity.predicted is None:
        return ""
    cost = capacity.predicted.cost
    text = (
        f"Predicted by a FIFO queue: {predicted_amount(plan, capacity)} {plan.by.unit}, with {plan.workload.arrival} "
        f"arrivals and {cost.fixed_us:,.0f} us of CPU a message and {cost.per_member_us:.2f} us a member, fitted to "
        f"{capacity.predicted.tries} tries"
    )
    if joins_messages(plan, capacity.strategy):
        text += "; that is too low, as this strategy handles messages that wait together"
    return text


def _table(result: CapacityResult) -> Table:
    plan = result.plan
    columns = (
        Column("strategy"),
        *numbers(f"maximum {plan.by.unit}", "predicted by a FIFO queue", "tries"),
        Column("limit"),
    )
    rows = tuple(
        Row(
            (
                capacity.strategy,
                amount(plan, capacity),
                predicted_amount(plan, capacity),
                f"{capacity.tries:,}",
                capacity.limited_by,
            )
        )
        for capacity in result.capacities
    )
    return Table("", columns, rows)


def _interval(capacity: Capacity) -> str:
    """Name the loads that were tried at the ends of the bracket."""
    low = f"all tries within the SLO at {capacity.low:,}" if capacity.low else "no load within the SLO in all tries"
    most = f", most at {capacity.held:,}" if capacity.held > capacity.low else ""
    high = "none failed in all" if capacity.high is None else f"all failed at {capacity.high:,}"
    return f"{low}{most}, {high}"
