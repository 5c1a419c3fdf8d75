"""Made-up capacity searches: servers and a generator of known capacity, tried as real ones are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import msgspec

from bench.capacity.conclusion import conclude
from bench.capacity.judge import judge
from bench.capacity.result import Axis, CapacityPlan, CapacityResult, Try
from bench.capacity.search import Rules, Search
from bench.capacity.search_runner import round_robin
from bench.model.percentile import Percentile
from bench.model.plan import Trial, make_plan
from loadtest.ledger.result import Step
from tests.bench.made_up import ENVIRONMENT, run, step, workload

LATE = "messages went out 9.00 ms (p99) after they were due, allowed are 5.00 ms; the generator is too busy"
HOLDS = {"direct": 437, "queue": 380, "gather": 150, "coalesced": 10**6}
GENERATOR_HOLDS = 3300


def capacity_plan(*strategies: str, by: Axis = Axis.USERS, limit: int = 10_000) -> CapacityPlan:
    shared = workload((500,))
    return CapacityPlan(
        by=by,
        workload=shared,
        arms=make_plan(shared, strategies or ("direct",), 1, 50, 1).arms,
        percentile=Percentile.P99,
        slo_ms=50,
        rules=Rules(start=50, limit=limit, repeats=3, resolution=0.05),
        max_minutes=30,
        seed=1,
    )


def late_step(load: int) -> Step:
    """Make a step that the generator could not send as planned."""
    generator = msgspec.structs.replace(step(load).generator, schedule_lag_p99_ms=9.0, cpu_percent=99.0)
    return msgspec.structs.replace(step(load, reasons=[LATE]), generator=generator)


def made_up_step(load: int, holds: int) -> Step:
    """Make a step of a server that serves `holds` users within the SLO; above, throughput and latency get worse."""
    if load > GENERATOR_HOLDS:
        return late_step(load)
    return step(load, p50=5) if load <= holds else step(load, p50=30, rate_factor=holds / load)


def made_up_search(
    *strategies: str, limit: int = 10_000, max_tries: int = 200, holds: Mapping[str, int] = HOLDS
) -> CapacityResult:
    """Search for the capacity of made-up servers, to the end or for `max_tries` tries."""
    plan = capacity_plan(*strategies, limit=limit)
    searches = {arm: Search(plan.rules) for arm in plan.arms}
    tries: list[Try] = []
    for number, (arm, load) in zip(count(1), round_robin(searches)):
        if len(tries) == max_tries:
            break
        made = run(Trial(number, arm, number), [made_up_step(load, holds[arm.strategy])])
        tries.append(judge(plan, ENVIRONMENT, made, load))
        searches[arm].record(load, tries[-1].outcome)
    return conclude(plan, ENVIRONMENT, tries)
