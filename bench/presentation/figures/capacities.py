"""Figures of capacity searches."""

from __future__ import annotations

from bench.analysis.cost_model import cost_models
from bench.analysis.fifo_queue import max_users
from bench.capacity.result import Axis, Capacity, CapacityResult, Limit
from bench.claims.stored_results import StoredResults
from bench.errors import NoFigureError
from bench.model.message_cost import MessageCost
from bench.presentation.capacity_answer import amount, predicted_amount
from bench.presentation.figures.writing import code, prose, table
from bench.presentation.resolution import rounded_down
from bench.presentation.table import Column
from bench.presentation.text import counted


def capacities(results: StoredResults, campaign: str) -> str:
    """Show the answer of a search: the range of each strategy, what was predicted, deliveries/s, and the limit."""
    result = results.capacity(campaign)
    columns: list[Column | str] = [
        Column("strategy"),
        f"maximum {result.plan.by.unit} within the SLO",
        *(["predicted by a FIFO queue"] if _is_predicted(result) else []),
        *("within the SLO in all tries", "failed in all", "deliveries/s, at least", "tries"),
        Column("limit"),
        Column("evidence"),
    ]
    return table(columns, [_row(result, one) for one in _ranked(result)])


def search(results: StoredResults, campaign: str) -> str:
    """Say how many tries a search took, how long, and whether its edges are confirmed."""
    result = results.capacity(campaign)
    seconds = results.measured(campaign).seconds
    took = f" in {seconds / 60:.0f} minutes" if seconds else ""
    unconfirmed = [code(one.strategy) for one in result.capacities if not one.confirmed]
    doubtful = [code(one.strategy) for one in result.capacities if one.limited_by is Limit.DOUBT]
    edges = f"not confirmed: {', '.join(unconfirmed)}" if unconfirmed else "every edge confirmed"
    if doubtful:
        edges += f"; beyond the edge of {', '.join(doubtful)} the tries were invalid"
    return prose(f"{counted(len(result.tries), 'try').replace('trys', 'tries')}{took}, {edges}.")


def arrivals_matter(results: StoredResults, campaign: str, strategy: str) -> str:
    """Say what the cost model of a comparison predicts for both kinds of arrivals."""
    summary = results.summary(campaign)
    found = [each for each in cost_models(summary) if each.strategy == strategy]
    if not found:
        raise NoFigureError(f"{strategy} has too few valid cells for a cost model: two blocks of three user counts")
    cost = MessageCost(max(0.0, found[0].cost.fixed_us), found[0].cost.per_member_us)
    rate, slo_ms = summary.plan.workload.room_rate, summary.plan.slo_ms
    users = [max_users(cost, rate, 99, slo_ms, arrival) or 0 for arrival in ("poisson", "constant")]
    return prose(
        f"The costs of {code(strategy)} in the reference campaign, {cost.fixed_us:.0f} us and",
        f"{cost.per_member_us:.2f} us a member, at {rate:g} messages/s show how much that matters:",
        f"within {slo_ms:g} ms the queue carries",
        f"{users[0]:,} users with Poisson arrivals and {users[1]:,} with even spacing.",
    )


def _ranked(result: CapacityResult) -> list[Capacity]:
    return sorted(result.capacities, key=lambda one: -one.held)


def _is_predicted(result: CapacityResult) -> bool:
    return any(one.predicted for one in result.capacities)


def _row(result: CapacityResult, one: Capacity) -> list[str]:
    workload = result.plan.workload
    users, rate = (one.low, workload.room_rate) if result.plan.by is Axis.USERS else (workload.users[0], one.low)
    return [
        code(one.strategy),
        amount(result.plan, one),
        *([predicted_amount(result.plan, one)] if _is_predicted(result) else []),
        f"{one.low:,}",
        "-" if one.high is None else f"{one.high:,}",
        f"{rounded_down(int(users * rate), result.plan.rules.resolution):,}",
        f"{one.tries:,}",
        str(one.limited_by),
        one.evidence,
    ]
