"""Chart: the p99 of many variants, a row each, at every user count."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.model.summary import Summary, or_infinite
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.notes import medians, notes
from bench.presentation.charts.parts.points import VALUES_ACROSS
from bench.presentation.charts.parts.provenance import Provenance, room_load
from bench.presentation.charts.parts.series import Point
from bench.presentation.max_users_wording import slo_finding

ROW_INCHES, PANEL_INCHES, NAME_INCHES = 0.26, 2.1, 0.085
NEVER = 1.6  # times the highest finite value


def latency_by_variant(summary: Summary) -> Figure:
    """Draw the p99 of the delivery latency of each variant, the best on top, with the SLO; a panel a user count."""
    plan = summary.plan
    points = {arm.label: _points(summary, arm.label) for arm in plan.arms}
    labels = sorted(points, key=lambda label: _rank(points[label], plan.workload.users), reverse=True)
    provenance = Provenance(("",), room_load(plan.workload, plan.blocks, plan.rooms), summary.environment)
    figure, panels = style.new_figure(
        provenance,
        slo_finding(summary),
        [*medians(summary, "lines"), *notes(summary)],
        len(plan.workload.users),
        (PANEL_INCHES, ROW_INCHES * len(labels) + 0.2),
        left=0.3 + NAME_INCHES * max(map(len, labels)),
    )
    finite = [
        end for of in points.values() for point in of.values() for end in (point.low, point.high) if end < math.inf
    ]
    low, high = style.padded(min([*finite, plan.slo_ms]), max([*finite, plan.slo_ms]))
    never = high * NEVER
    for axes, users in zip(panels, plan.workload.users, strict=True):
        axes.set_title(f"{users:,} users", loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel("p99, ms")
        style.log_axis(axes, "x", low, never * NEVER, [1, 10, 100], {never: "never"})
        axes.axvline(plan.slo_ms, color=style.FAINT, linewidth=1.2, linestyle="--", label="SLO")
        axes.set_gid(VALUES_ACROSS)
        for row, label in enumerate(labels):
            _draw(axes, row, label, points[label].get(users), never)
        axes.set_ylim(-0.6, len(labels) - 0.4)
        axes.set_yticks(range(len(labels)), labels=labels)
    return figure


def _draw(axes: Axes, row: int, label: str, point: Point | None, never: float) -> None:
    """Draw one variant's dot with its range; hollow where a block is invalid, a cross where nothing was measured."""
    if point is None:
        axes.plot([never], [row], marker="x", color=style.FAINT, linestyle="none")
        return
    colour = style.LOOKS["direct"][0]
    low, x, high = (min(value, never) for value in (point.low, point.y, point.high))
    axes.hlines(row, low, high, color=colour, linewidth=4, alpha=0.35)
    face = colour if point.valid else "white"
    axes.plot([x], [row], label=label, marker="o", markersize=6, color=colour, markerfacecolor=face, linestyle="none")


def _points(summary: Summary, label: str) -> dict[int, Point]:
    points = series.points(
        summary,
        label,
        lambda cell: cell.users,
        lambda cell: math.inf if cell.saturated else or_infinite(cell.latency_ms.p99),
    )
    return {point.users: point for point in points}


def _rank(points: dict[int, Point], counts: tuple[int, ...]) -> tuple[float, ...]:
    """Order by the p99 with most users, then with fewer."""
    return tuple(points[users].y if users in points else math.inf for users in reversed(counts))
