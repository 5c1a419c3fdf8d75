"""Chart: does what is delivered keep up with what is offered."""

from __future__ import annotations

from matplotlib.figure import Figure

from bench.answer import listing
from bench.charts import series, style
from bench.charts.notes import notes
from bench.charts.series import Point
from bench.summary import Summary

NOTHING = 1.0  # deliveries a second: a log axis has no 0, and less than this is as good as none
KEEPS_UP = 0.95  # of what is offered: a window's edges move a few per cent either way


def delivered_vs_offered(summary: Summary) -> Figure:
    """Draw deliveries a second by what the plan offers, beside the diagonal where both are equal."""
    lines = {arm.label: _points(summary, arm.label) for arm in summary.plan.arms}
    figure, (axes,) = style.new_figure(summary, _finding(lines), notes(summary), 1, (6.4, 5.6))
    workload = summary.plan.workload
    offered = [workload.room_rate * users for users in workload.users]
    delivered = [point.low for points in lines.values() for point in points]
    low, high = style.padded(min(offered + delivered), max(offered + delivered))
    ticks = style.round_ticks(low, high)
    style.log_axis(axes, "x", style.padded(min(offered), high)[0], high, ticks)
    style.log_axis(axes, "y", low, high, ticks)
    axes.axline((low, low), (high, high), color=style.FAINT, linewidth=1.2, linestyle="--", label="all delivered")
    ends = []
    for label, look in style.looks(list(lines)).items():
        if points := lines[label]:
            gaps = [rate for rate in offered if rate > points[-1].x]
            ends.append(series.draw(axes, label, points, gaps, look))
    style.label_line_ends(axes, ends)
    axes.set_xlabel("offered deliveries a second (messages sent to the room x members)")
    axes.set_ylabel("deliveries a second that arrived")
    return figure


def _points(summary: Summary, strategy: str) -> list[Point]:
    return series.points(
        summary, strategy, lambda cell: cell.offered_deliveries_per_s, lambda cell: max(cell.deliveries_per_s, NOTHING)
    )


def _finding(lines: dict[str, list[Point]]) -> str:
    """Say up to which offered rate each strategy delivers as much, the best first."""
    kept: dict[float, list[str]] = {}
    for label, points in lines.items():
        if not points:
            continue
        rates = [point.x for point in points if point.believable and point.y >= KEEPS_UP * point.x]
        kept.setdefault(max(rates, default=0), []).append(label)
    parts = [
        f"{listing(kept[rate])} {f'up to {rate:,.0f}/s' if rate else 'at no rate tried'}"
        for rate in sorted(kept, reverse=True)
    ]
    return f"Delivered as offered: {'; '.join(parts)}"
