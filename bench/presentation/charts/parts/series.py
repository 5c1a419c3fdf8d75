"""Cells as the points of a chart's lines: one point a user count, its blocks folded into it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from bench.analysis.max_users import within_slo
from bench.model.summary import Cell, Summary
from bench.presentation.charts.parts.style import LineEnd, Look


@dataclass(frozen=True)
class Point:
    """The median of the valid blocks and their range; of all blocks if none is valid.

    `valid` is false as soon as one block is not: such a point is drawn hollow.
    """

    users: int
    x: float
    y: float
    low: float
    high: float
    valid: bool


def points(summary: Summary, strategy: str, x: Callable[[Cell], float], y: Callable[[Cell], float]) -> list[Point]:
    """Fold the cells of one strategy into points, by ascending user count; infinite values stay so."""
    return [fold(cells, x, y) for users in summary.plan.workload.users if (cells := summary.blocks_of(strategy, users))]


def fold(cells: Sequence[Cell], x: Callable[[Cell], float], y: Callable[[Cell], float]) -> Point:
    """Fold the blocks of one strategy and user count into one point."""
    counted = [cell for cell in cells if cell.valid] or cells
    values = [y(cell) for cell in counted]
    return Point(
        users=cells[0].users,
        x=statistics.median(x(cell) for cell in counted),
        y=statistics.median(values),
        low=min(values),
        high=max(values),
        valid=all(cell.valid for cell in cells),
    )


def largest_shared_users(summary: Summary, at_least: int) -> int | None:
    """Return the largest user count from `at_least` on at which all strategies are within the SLO, else the largest."""
    labels = {cell.strategy for cell in summary.cells}
    measured = sorted({cell.users for cell in summary.cells if cell.users >= at_least}, reverse=True)
    for users in measured:
        if all(within_slo(summary, label, users) for label in labels):
            return users
    return measured[0] if measured else None


def draw(
    axes: Axes,
    label: str,
    points: Sequence[Point],
    gaps: Sequence[float],
    look: Look,
    never: float | None = None,
) -> LineEnd:
    """Draw one strategy's line and return where its label goes.

    A value that is infinite is drawn at the height `never`. `gaps` are the x of what was not measured:
    a dotted line leads on to a cross for each.
    """
    top = math.inf if never is None else never
    xs = [point.x for point in points]
    ys = [min(point.y, top) for point in points]
    style: dict[str, Any] = {"color": look.colour, "clip_on": False}
    axes.plot(
        xs,
        ys,
        label=label,
        marker=look.marker,
        markersize=look.marker_size,
        linewidth=look.line_width,
        **style,
    )
    low = [min(point.low, top) for point in points]
    high = [min(point.high, top) for point in points]
    if low != high:
        axes.vlines(xs, low, high, linewidth=6, alpha=0.35, label=f"{label} range", zorder=1.5, **style)
    if hollow := [(x, y) for x, y, point in zip(xs, ys, points, strict=True) if not point.valid]:
        axes.plot(
            *zip(*hollow, strict=True),
            label=f"{label} invalid",
            linestyle="none",
            marker=look.marker,
            markersize=look.marker_size,
            markerfacecolor="white",
            markeredgewidth=1.8,
            **style,
        )
    if gaps:
        axes.plot([xs[-1], *gaps], [ys[-1]] * (len(gaps) + 1), linestyle=":", linewidth=1.2, **style)
        axes.plot(gaps, [ys[-1]] * len(gaps), label=f"{label} not measured", linestyle="none", marker="x", **style)
    return LineEnd(label, gaps[-1] if gaps else xs[-1], ys[-1], look.colour)
