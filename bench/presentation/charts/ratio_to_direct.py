"""Chart: how much faster or slower each strategy is than the baseline, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.comparison import RELEVANT, Comparison, compare_arms
from bench.errors import ChartLeftOutError
from bench.model.summary import Summary
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.series import Point
from bench.presentation.charts.parts.style import LineEnd
from bench.presentation.comparison_wording import baselines, headline, of_baseline

MIN_RANGE = (1 / 2, 2.0)  # what the axis always shows, so that chance does not look large


def ratio_to_direct(summary: Summary) -> Figure:
    """Draw the p99 of every strategy as a multiple of the baseline's by user count, with intervals."""
    comparisons = compare_arms(summary)
    if not comparisons:
        raise ChartLeftOutError("one strategy alone has no other to be compared with")
    baseline, metric, users = comparisons[0].baseline, comparisons[0].metric, summary.plan.workload.users
    figure, (axes,) = style.new_figure(
        Provenance.of_campaign(summary),
        headline(comparisons, summary.plan.blocks),
        [_how_to_read(comparisons), *notes(summary)],
        1,
        (6.4, 4.4),
    )
    lines = {
        arm.label: [_point(one) for one in comparisons if one.arm == arm.label and not math.isnan(one.ratio)]
        for arm in summary.plan.arms
    }
    nothing, infinite = _scale_ratio(axes, [point for points in lines.values() for point in points])
    style.log_axis(axes, "x", *style.padded(users[0], users[-1]), style.thin(users, 1.35))
    axes.axhspan(1 / RELEVANT, RELEVANT, color=style.GRID, alpha=0.8, linewidth=0, label="no claim")
    looks = style.looks(list(lines))
    axes.axhline(1, color=looks[baseline].colour, linewidth=looks[baseline].line_width, label=baseline)
    ends = [LineEnd(baseline if len(baselines(comparisons)) == 1 else "baseline", users[-1], 1, looks[baseline].colour)]
    for label, points in lines.items():
        if points:
            gaps = [count for count in users if count > points[-1].users]
            ends.append(series.draw(axes, label, _raised(points, nothing), gaps, looks[label], infinite))
    style.label_line_ends(axes, ends)
    axes.set_xlabel("users in the room")
    axes.set_ylabel(f"{metric}, as a multiple of {of_baseline(comparisons)} (below 1 is faster)")
    return figure


def _point(one: Comparison) -> Point:
    """Make a point with its interval, or with the range of its blocks where they are too few for an interval."""
    known = [ratio for ratio in one.block_ratios if not math.isnan(ratio)]
    ends = (one.low, one.high) if _has_interval(one) else (min(known), max(known))
    return Point(one.users, one.users, one.ratio, *ends, valid=not one.blocks_invalid)


def _raised(points: Sequence[Point], nothing: float) -> list[Point]:
    """Raise ratios of 0, where the baseline's latency is infinite, to what a logarithmic axis can show."""
    return [
        replace(one, y=max(one.y, nothing), low=max(one.low, nothing), high=max(one.high, nothing)) for one in points
    ]


def _scale_ratio(axes: Axes, points: Sequence[Point]) -> tuple[float, float | None]:
    """Scale the y axis to all ratios; where one is 0 or infinite, it gets a tick for that beyond all others.

    Returns the heights of 0 and of infinity.
    """
    values = [value for point in points for value in (point.y, point.low, point.high)]
    finite = [value for value in values if 0 < value < math.inf]
    low, high = style.padded(min([*finite, MIN_RANGE[0]]), max([*finite, MIN_RANGE[1]]))
    ticks = [tick for tick in style.round_ticks(low, high) if low < tick < high]
    half_band = (high / low) ** 0.06
    names: dict[float, str] = {}
    nothing, infinite = low, None
    if 0 in values:
        nothing = low / half_band
        low = nothing / half_band
        names[nothing] = "0"
    if math.inf in values:
        infinite = high * half_band
        high = infinite * half_band
        names[infinite] = "infinite"
    style.log_axis(axes, "y", low, high, ticks, names)
    return nothing, infinite


def _has_interval(one: Comparison) -> bool:
    return one.low > 0 or one.high < math.inf


def _how_to_read(comparisons: Sequence[Comparison]) -> str:
    """Explain the band and the bars, if there are any."""
    if any(map(_has_interval, comparisons)):
        bars = "Bars: 95 % intervals. "
    else:
        bars = "Bars: the range of the blocks. " * any(one.blocks_used > 1 for one in comparisons)
    return f"{bars}Grey band: within 5 %, never a verdict."
