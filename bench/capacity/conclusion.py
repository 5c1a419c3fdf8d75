"""Derives the capacity of each strategy, and what limited it, from the tries."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.fifo_queue import delivery_p_ms
from bench.analysis.window_length import supported_percentile
from bench.capacity.judge import is_generator_busy, is_server_busy
from bench.capacity.prediction import predict
from bench.capacity.result import FORMAT, Capacity, CapacityPlan, CapacityResult, Limit, Try
from bench.capacity.search import Outcome, Search
from bench.model.environment import Environment
from bench.model.message_cost import MessageCost
from bench.model.summary import Cell
from loadtest.ledger.validity_limits import MAX_SCHEDULE_LAG_MS

MIN_BUSY_WHEN_LATE_PERCENT = 50.0  # of a core; a late generator that was less busy was delayed by something else

JOINS_MESSAGES = frozenset({"coalesced", "queue"})
"""Strategies that handle messages which wait together: one write for all of a turn of the event loop, or one wake-up of
a member's sender. A FIFO queue does neither."""
MAX_BEYOND_QUEUE = 1.5  # a percentile this many times that of a FIFO queue is not explained by waiting alone


def joins_messages(plan: CapacityPlan, label: str) -> bool:
    """Tell whether a strategy handles several waiting messages at once, so that a FIFO queue predicts too little."""
    return any(arm.label == label and arm.strategy in JOINS_MESSAGES for arm in plan.arms)


def conclude(plan: CapacityPlan, environment: Environment, tries: Sequence[Try]) -> CapacityResult:
    """Compute all that tables and charts show."""
    capacities = [
        _capacity(plan, arm.label, [each for each in tries if each.strategy == arm.label]) for arm in plan.arms
    ]
    return CapacityResult(FORMAT, environment, plan, list(tries), capacities, supported_percentile(plan.workload))


def _capacity(plan: CapacityPlan, label: str, tries: Sequence[Try]) -> Capacity:
    search = Search(plan.rules)
    for each in tries:
        search.record(each.load, each.outcome, refused=each.refused)
    limit, evidence = _limit(plan, search, tries)
    return Capacity(
        strategy=label,
        held=search.held,
        low=search.low,
        high=search.high,
        limited_by=limit,
        evidence=evidence,
        confirmed=search.is_confirmed,
        tries=len(tries),
        predicted=predict(plan, tries),
    )


def _limit(plan: CapacityPlan, search: Search, tries: Sequence[Try]) -> tuple[Limit, str]:
    """Return the limit, with the evidence at the edge."""
    if tries and tries[-1].refused:
        return Limit.DOUBT, tries[-1].reason
    if search.edge is None:
        if search.held == plan.rules.limit:
            return Limit.RANGE, f"{plan.rules.limit:,} {plan.by.unit} is the largest load that may be tried"
        return Limit.UNFINISHED, "the search ended before any load failed"
    outcome = search.outcome(search.edge)
    last = [each for each in tries if (each.load, each.outcome) == (search.edge, outcome)][-1]
    evidence = f"at {last.load:,} {plan.by.unit}: {last.reason}{_utilisation(plan, last)}"
    if outcome is Outcome.FAILED:
        return Limit.SERVER, evidence
    return (Limit.GENERATOR if _is_generator_at_fault(last.cell) else Limit.DOUBT), evidence


def _is_generator_at_fault(cell: Cell | None) -> bool:
    """Whether the generator was overloaded; one that was late though idle was delayed by something else."""
    if cell is None:
        return False
    was_late = cell.generator.schedule_lag_p99_ms > MAX_SCHEDULE_LAG_MS
    return is_generator_busy(cell) or (was_late and cell.generator.cpu_percent > MIN_BUSY_WHEN_LATE_PERCENT)


def _utilisation(plan: CapacityPlan, one: Try) -> str:
    """Describe how busy the server and the generator were, and whether waiting explains the latency."""
    cell = one.cell
    if cell is None:
        return ""
    server, lag_ms = cell.server.cpu_percent, cell.server.loop_lag_p99_ms
    parts = [
        "" if server is None else f"the server's core {server:.0f} % busy",
        "" if lag_ms is None else f"its event loop {lag_ms:,.1f} ms late (p99)",
        f"the generator's core {cell.generator.cpu_percent:.0f} % busy",
    ]
    is_idle = not (is_generator_busy(cell) or is_server_busy(cell))
    remark = _queueing(plan, one, cell, server) if server and is_idle else ""
    return f"; {', '.join(filter(None, parts))}{remark}"


def _queueing(plan: CapacityPlan, one: Try, cell: Cell, server_percent: float) -> str:
    """Say what the percentile would be if messages only waited for each other, on a core that is as busy as this one.

    The service time of a message is the share of the core that was used, by the rate; its members get it one by one.
    Nothing is said where the latency was not the reason, or of a strategy that is no such queue.
    """
    measured_ms = plan.percentile.of(cell.latency_lower_ms or cell.latency_ms)
    if one.outcome is not Outcome.FAILED or measured_ms is None or measured_ms <= plan.slo_ms:
        return ""
    if joins_messages(plan, one.strategy):
        return ""
    workload = plan.workload_at(one.load)
    rate, members = workload.messages_per_s, max(1, cell.users // cell.rooms)
    cost = MessageCost(0.0, server_percent / 100 / rate * 1e6 / members)
    queue_ms = delivery_p_ms(cost, members, rate, plan.percentile.number, workload.arrival)
    said = f"; a FIFO queue as busy as that has a {plan.percentile.label} of {queue_ms:,.0f} ms"
    return said if measured_ms <= MAX_BEYOND_QUEUE * queue_ms else f"{said}, so other work may be the reason"
