"""Chart: deliveries made against deliveries offered."""

from __future__ import annotations

import statistics

from matplotlib.figure import Figure

from bench.analysis.max_users import MIN_DELIVERED_RATIO
from bench.model.summary import Summary
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.series import Point
from bench.presentation.text import listing

MIN_RATE = 1.0  # deliveries a second: a log axis has no 0


def delivered_vs_offered(summary: Summary) -> Figure:
    """Draw deliveries a second by what the plan offers, beside the diagonal where both are equal."""
    lines = {arm.label: _points(summary, arm.label) for arm in summary.plan.arms}
    figure, (axes,) = style.new_figure(
        Provenance.of_campaign(summary), _finding(summary), notes(summary), 1, (6.4, 5.6)
    )
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
        summary, strategy, lambda cell: cell.offered_deliveries_per_s, lambda cell: max(cell.deliveries_per_s, MIN_RATE)
    )


def _finding(summary: Summary) -> str:
    """Say up to which offered rate each strategy delivers as much, the best first."""
    kept: dict[float, list[str]] = {}
    unknown: list[str] = []
    measured = {cell.strategy for cell in summary.cells}
    for label in (arm.label for arm in summary.plan.arms if arm.label in measured):
        rate = _kept_up(summary, label)
        (unknown if rate is None else kept.setdefault(rate, [])).append(label)
    parts = [
        f"{listing(kept[rate])} {f'up to {rate:,.0f}/s' if rate else 'at no rate tried'}"
        for rate in sorted(kept, reverse=True)
    ]
    if unknown:
        parts.append(f"unknown for {listing(unknown)}")
    return f"Delivered as offered: {'; '.join(parts)}"


def _kept_up(summary: Summary, strategy: str) -> float | None:
    """Return the highest offered rate below the first that was not delivered; `None` if that is unknown at every rate.

    It is known where more than half of the blocks are valid.
    """
    kept = None
    for users in summary.plan.workload.users:
        valid = [cell for cell in summary.blocks_of(strategy, users) if cell.valid]
        if len(valid) <= summary.plan.blocks / 2:
            continue
        offered = statistics.median(cell.offered_deliveries_per_s for cell in valid)
        if statistics.median(cell.deliveries_per_s for cell in valid) < MIN_DELIVERED_RATIO * offered:
            return kept or 0.0
        kept = offered
    return kept
