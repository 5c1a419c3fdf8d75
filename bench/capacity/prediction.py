"""What the cost model predicts for a search: the largest room within the SLO of a FIFO queue with the tries' costs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.cost_model import fit, usable_points
from bench.analysis.fifo_queue import max_users
from bench.capacity.result import Axis, CapacityPlan, Prediction, Try
from bench.model.message_cost import MessageCost


def predict(plan: CapacityPlan, tries: Sequence[Try]) -> Prediction | None:
    """Predict from one strategy's tries; `None` where the rate grows, or too few tries tell the cost of a message."""
    points = usable_points([each.cell for each in tries if each.cell is not None])
    fitted = fit(points) if plan.by is Axis.USERS else None
    if fitted is None:
        return None
    cost = MessageCost(max(0.0, fitted.fixed_us), fitted.per_member_us)  # a fixed cost below 0 is noise
    workload = plan.workload
    members = max_users(cost, workload.messages_per_s, plan.percentile.number, plan.slo_ms, workload.arrival)
    return None if members is None else Prediction(workload.rooms * members, cost, len(points))
