"""The cost model fitted to a campaign: what a message costs the server, in fixed CPU time and for each member.

O(1) is a cost of 0 a member, O(n) one above 0. A power of the number of members is fitted too, to show that it is the
worse model: with a fixed cost its exponent depends on the sizes of rooms that were measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.analysis.max_users import MIN_DELIVERED_RATIO
from bench.model.message_cost import MessageCost
from bench.model.summary import Cell, Summary

CONFIDENCE = 0.95
MIN_POINTS = 3
"""Sizes of a room from which a line and its residuals can be told."""
MIN_BLOCKS = 2
"""Blocks from which an interval over blocks can be told."""
MAX_MISFIT = 0.1
"""A model that is further off at any user count, relative to the median over blocks, does not describe the cost."""
MAX_CPU_PERCENT = 95.0
"""Of a core: above, a server takes less CPU time than it needs, and joins work that would else be done one by one."""

Floats = NDArray[np.float64]
Point = tuple[float, float]
"""The members of a room, on average if rooms differ, and the CPU time of a message in microseconds."""


class CostOfSize(msgspec.Struct, frozen=True):
    """The CPU time of a message to a room of so many members, the median over blocks, in microseconds.

    `members_share` is the share of it that the model puts down to the members, from 0 to 1, and `off_by` how far the
    model is off, as a share of it. Up to the next size, each member adds `per_member_to_next_us`, and
    `slope_to_next` is d log cost / d log members: 0 for a fixed cost, 1 for one proportional to the members.
    """

    members: float
    cpu_us: float
    members_share: float
    off_by: float
    per_member_to_next_us: float | None = None
    slope_to_next: float | None = None


class CostModel(msgspec.Struct, frozen=True):
    """The cost of a message to one strategy, fitted in each block: means, and 95 % intervals over the blocks.

    `residual` is the root mean square of the model's relative errors over all cells, `power_law_residual` that of a
    power law fitted to the same cells.
    """

    strategy: str
    cost: MessageCost
    fixed_low_us: float
    fixed_high_us: float
    per_member_low_us: float
    per_member_high_us: float
    residual: float
    power_law_residual: float
    blocks: int
    of_sizes: tuple[CostOfSize, ...]

    @property
    def grows(self) -> bool:
        """Whether the cost is known to grow with the room: O(n). If not, O(1) is not excluded."""
        return self.per_member_low_us > 0

    @property
    def misfit(self) -> float:
        """How far the model is off for the size of a room where it fits worst, as a share of the cost there."""
        return max(abs(at.off_by) for at in self.of_sizes)

    @property
    def is_line(self) -> bool:
        """Whether a fixed cost and one a member describe the cost: no line describes work that is done together."""
        return self.misfit <= MAX_MISFIT


def cost_models(summary: Summary) -> list[CostModel]:
    """Fit every arm that has enough usable cells in enough blocks; the others are left out.

    A user count at which a valid cell of any block is not usable is left out in all blocks: the usable ones alone
    would be those in which the server happened to be cheap.
    """
    return [model for arm in summary.plan.arms if (model := _model(summary, arm.label))]


def is_usable(cell: Cell) -> bool:
    """Whether a cell tells the cost of a message: valid, kept up with, and with CPU time to spare."""
    kept_up = not cell.saturated and cell.deliveries_per_s >= MIN_DELIVERED_RATIO * cell.offered_deliveries_per_s
    return cell.valid and kept_up and cell.server.cpu_percent is not None and cell.server.cpu_percent <= MAX_CPU_PERCENT


def cpu_us_per_message(cell: Cell) -> float | None:
    """Return the server's CPU time over the window for each message that was attempted in it, microseconds.

    It is `None` where that is not known, or less than a tick of the clock that counts it.
    """
    if not (cell.server.cpu_percent and cell.offered_messages):
        return None
    return cell.server.cpu_percent / 100 * cell.window_s * 1e6 / cell.offered_messages


def usable_points(cells: Sequence[Cell]) -> list[Point]:
    """Return the members of a room and the CPU time of a message of each usable cell."""
    return [
        (cell.users / cell.rooms, cpu_us) for cell in cells if is_usable(cell) and (cpu_us := cpu_us_per_message(cell))
    ]


def fit(points: Sequence[Point]) -> MessageCost | None:
    """Fit by least squares of the relative residuals (weights 1 / cost^2); `None` with fewer than three sizes."""
    if len({members for members, _ in points}) < MIN_POINTS:
        return None
    members, cpu_us = _columns(points)
    (fixed_us, per_member_us), *_ = np.linalg.lstsq(
        np.column_stack([1 / cpu_us, members / cpu_us]), np.ones(len(points)), rcond=None
    )
    return MessageCost(float(fixed_us), float(per_member_us))


def _model(summary: Summary, strategy: str) -> CostModel | None:
    cells = [cell for cell in summary.cells if cell.strategy == strategy and cell.valid]
    too_large = {cell.users for cell in cells if not is_usable(cell)}
    cells = [cell for cell in cells if cell.users not in too_large]
    blocks = [
        (points, cost)
        for block in range(1, summary.plan.blocks + 1)
        if (points := usable_points([cell for cell in cells if cell.block == block])) and (cost := fit(points))
    ]
    if len(blocks) < MIN_BLOCKS:
        return None
    fixed_us, fixed_margin = _mean_and_margin([cost.fixed_us for _, cost in blocks])
    per_member_us, per_member_margin = _mean_and_margin([cost.per_member_us for _, cost in blocks])
    cost = MessageCost(fixed_us, per_member_us)
    return CostModel(
        strategy=strategy,
        cost=cost,
        fixed_low_us=fixed_us - fixed_margin,
        fixed_high_us=fixed_us + fixed_margin,
        per_member_low_us=per_member_us - per_member_margin,
        per_member_high_us=per_member_us + per_member_margin,
        residual=_root_mean_square([_residuals(points, cost) for points, cost in blocks]),
        power_law_residual=_root_mean_square([_power_law_residuals(points) for points, _ in blocks]),
        blocks=len(blocks),
        of_sizes=_of_sizes([point for points, _ in blocks for point in points], cost),
    )


def _of_sizes(points: Sequence[Point], cost: MessageCost) -> tuple[CostOfSize, ...]:
    medians = [
        (members, float(np.median([cpu_us for at, cpu_us in points if at == members])))
        for members in sorted({members for members, _ in points})
    ]
    per_member = [(more - less) / (after - before) for (before, less), (after, more) in pairwise(medians)]
    slopes = [math.log(more / less) / math.log(after / before) for (before, less), (after, more) in pairwise(medians)]
    return tuple(
        CostOfSize(members, cpu_us, cost.members_share(members), cost.message_us(members) / cpu_us - 1, *to_next)
        for (members, cpu_us), *to_next in zip(medians, [*per_member, None], [*slopes, None], strict=True)
    )


def _residuals(points: Sequence[Point], cost: MessageCost) -> Floats:
    members, cpu_us = _columns(points)
    return (cost.fixed_us + cost.per_member_us * members) / cpu_us - 1


def _power_law_residuals(points: Sequence[Point]) -> Floats:
    members, cpu_us = _columns(points)
    line = np.polynomial.Polynomial.fit(np.log(members), np.log(cpu_us), 1)
    found: Floats = np.exp(line(np.log(members))) / cpu_us - 1
    return found


def _columns(points: Sequence[Point]) -> tuple[Floats, Floats]:
    members, cpu_us = np.array(points, dtype=np.float64).T
    return members, cpu_us


def _mean_and_margin(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean, and how far Student's interval reaches to either side of it."""
    from scipy.special import stdtrit  # here, as it takes half a second to load

    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)), error * float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))


def _root_mean_square(residuals: Sequence[Floats]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(residuals) ** 2)))
