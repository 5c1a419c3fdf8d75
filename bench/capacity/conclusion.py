"""From tries to the capacity of each strategy, and what was the limit."""

from __future__ import annotations

from collections.abc import Sequence

from bench.capacity.judge import is_generator_busy, is_server_busy
from bench.capacity.result import FORMAT, Capacity, CapacityPlan, CapacityResult, Limit, Try
from bench.capacity.search import Outcome, Search
from bench.model.environment import Environment
from bench.model.summary import Cell

LATE_MS = 5.0  # the least schedule lag for which the swarm calls a step invalid
HALF_BUSY_PERCENT = 50.0


def conclude(plan: CapacityPlan, environment: Environment, tries: Sequence[Try]) -> CapacityResult:
    """Work out everything that tables and charts show."""
    of_arms = [[each for each in tries if each.strategy == arm.label] for arm in plan.arms]
    capacities = [_capacity(plan, arm.label, own) for arm, own in zip(plan.arms, of_arms, strict=True)]
    return CapacityResult(FORMAT, environment, plan, list(tries), capacities)


def _capacity(plan: CapacityPlan, label: str, tries: Sequence[Try]) -> Capacity:
    search = Search(plan.rules)
    for each in tries:
        search.tell(each.load, each.outcome)
    limit, evidence = _limit(plan, search, tries)
    return Capacity(
        strategy=label,
        held=search.held,
        low=search.low,
        high=search.high,
        limited_by=limit,
        evidence=evidence,
        confirmed=search.next_load() is None,
        tries=len(tries),
    )


def _limit(plan: CapacityPlan, search: Search, tries: Sequence[Try]) -> tuple[Limit, str]:
    """Name the limit, with what was seen at the edge."""
    if search.edge is None:
        if search.held == plan.rules.limit:
            return Limit.RANGE, f"{plan.rules.limit:,} {plan.by.unit} is the most that was to be tried"
        return Limit.UNFINISHED, "the search ended before any load failed"
    outcome = search.outcome(search.edge)
    last = [each for each in tries if (each.load, each.outcome) == (search.edge, outcome)][-1]
    evidence = f"at {last.load:,} {plan.by.unit}: {last.reason}{_use(last.cell)}"
    if outcome is Outcome.FAILED:
        return Limit.SERVER, evidence
    return (Limit.GENERATOR if _is_generators_fault(last.cell) else Limit.DOUBT), evidence


def _is_generators_fault(cell: Cell | None) -> bool:
    """Whether the generator had too much to do; one that was late with time to spare was held up by something else."""
    if cell is None:
        return False
    was_late = cell.generator.schedule_lag_p99_ms > LATE_MS
    return is_generator_busy(cell) or (was_late and cell.generator.cpu_percent > HALF_BUSY_PERCENT)


def _use(cell: Cell | None) -> str:
    """Say how busy both sides were."""
    if cell is None:
        return ""
    server, lag_ms = cell.server.cpu_percent, cell.server.loop_lag_p99_ms
    parts = [
        "" if server is None else f"the server's core {server:.0f} % busy",
        "" if lag_ms is None else f"its event loop {lag_ms:,.1f} ms late (p99)",
        f"the generator's core {cell.generator.cpu_percent:.0f} % busy",
    ]
    is_idle = server is not None and not (is_generator_busy(cell) or is_server_busy(cell))
    remark = "; with time to spare on both, other work may be why" if is_idle else ""
    return f"; {', '.join(filter(None, parts))}{remark}"
