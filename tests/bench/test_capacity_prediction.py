"""What a FIFO queue with the costs of a search's tries predicts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.capacity.judge import judge
from bench.capacity.prediction import predict
from bench.capacity.result import Axis, CapacityPlan, Prediction
from bench.model.message_cost import MessageCost
from bench.model.plan import Trial
from tests.bench.made_up import ENVIRONMENT, run, samples, step
from tests.bench.made_up_capacity import capacity_plan

COST = MessageCost(fixed_us=106, per_member_us=4.40)
PLAN = capacity_plan("direct")


def predicted(*loads: int, plan: CapacityPlan = PLAN, **changes: Any) -> Prediction | None:
    """Predict from a try of each load on a server that spends `COST` on each message."""
    tries = []
    for load in loads:
        made = msgspec.structs.replace(step(load), **changes)
        tried = run(Trial(1, plan.arms[0], 1), [made])
        tried.samples[:] = samples(cpu_share=COST.message_us(load) * made.offered_messages / made.window_s / 1e6)
        tries.append(judge(plan, ENVIRONMENT, tried, load))
    return predict(plan, tries)


@pytest.mark.parametrize(("arrival", "users"), [("constant", 2263), ("poisson", 1590)])
def test_the_largest_room_is_predicted_from_the_costs_of_the_tries(arrival: str, users: int) -> None:
    plan = msgspec.structs.replace(PLAN, workload=msgspec.structs.replace(PLAN.workload, arrival=arrival))
    found = predicted(50, 100, 200, 400, plan=plan)
    assert found is not None
    assert found.users == pytest.approx(users, rel=0.03)
    assert (found.cost.fixed_us, found.cost.per_member_us) == pytest.approx((COST.fixed_us, COST.per_member_us))
    assert found.tries == 4


def test_without_the_costs_of_three_loads_nothing_is_predicted() -> None:
    assert predicted(50, 100) is None
    assert predicted(50, 100, 200, saturated=True) is None
    assert predicted(50, 100, 2200) is None, "at 2,200 users the server has no CPU time to spare"
    assert predicted(50, 100, 200, plan=msgspec.structs.replace(PLAN, by=Axis.RATE)) is None
