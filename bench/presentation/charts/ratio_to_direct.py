"""Chart: how much faster or slower each strategy is than the baseline, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.comparison import Comparison, compare_arms
from bench.analysis.verdict import RELEVANT
from bench.errors import ChartLeftOutError
from bench.model.summary import Summary
from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.series import Point
from bench.presentation.charts.parts.style import LineEnd, Look
from bench.presentation.comparison_wording import CLAIMS, MARGIN, baselines, headline, of_baseline

NO_FACTOR = "no\nfactor"
FAINT_ALPHA = 0.4
MIN_RANGE = (1 / 2, 2.0)  # what the axis always shows, so that chance does not look large


def ratio_to_direct(summary: Summary) -> Figure:
    """Draw the p99 of every strategy as a multiple of the baseline's by user count, with intervals.

    What has the verdict faster or slower is solid, everything else faint.
    """
    comparisons = compare_arms(summary)
    if not comparisons:
        raise ChartLeftOutError("one strategy alone has no other to be compared with")
    baseline, metric, users = comparisons[0].baseline, comparisons[0].metric, summary.plan.workload.users
    figure, (axes,) = style.new_figure(
        Provenance.of_campaign(summary),
        headline(comparisons, summary.plan.blocks),
        [_how_to_read(comparisons), *_without_ratio(comparisons), *notes(summary)],
        1,
        (6.4, 4.4),
    )
    known = [one for one in comparisons if not math.isnan(one.ratio)]
    lines = {arm.label: [_point(one) for one in known if one.arm == arm.label] for arm in summary.plan.arms}
    has_verdict = {(one.arm, one.users): one.verdict in CLAIMS for one in known}
    nothing, infinite = _scale_ratio(axes, [point for points in lines.values() for point in points], _beyond(known))
    style.log_axis(axes, "x", *style.padded(users[0], users[-1]), style.thin(users, 1.35))
    axes.axhspan(1 / RELEVANT, RELEVANT, color=style.GRID, alpha=0.8, linewidth=0, label="no claim")
    looks = style.looks(list(lines))
    axes.axhline(1, color=looks[baseline].colour, linewidth=looks[baseline].line_width, label=baseline)
    ends = [LineEnd(baseline if len(baselines(comparisons)) == 1 else "baseline", users[-1], 1, looks[baseline].colour)]
    for label, points in lines.items():
        if points:
            gaps = [count for count in users if count > points[-1].users and not summary.blocks_of(label, count)]
            within = _within_axis(points, nothing, infinite)
            is_solid = [has_verdict[label, point.users] for point in points]
            ends.append(_draw(axes, label, within, is_solid, gaps, looks[label]))
    style.label_line_ends(axes, ends)
    axes.set_xlabel("users in the room")
    axes.set_ylabel(f"{metric}, as a multiple of {of_baseline(comparisons)} (below 1 is faster)")
    return figure


def _point(one: Comparison) -> Point:
    """Make a point with its interval, or with the range of its blocks where they are too few for an interval.

    What has no factor has no interval.
    """
    known = [ratio for ratio in one.block_ratios if not math.isnan(ratio)]
    ends = (one.low, one.high) if _has_interval(one) else (min(known), max(known))
    if one.ratio in (0, math.inf):
        ends = (one.ratio, one.ratio)
    return Point(one.users, one.users, one.ratio, *ends, valid=not one.blocks_invalid)


def _within_axis(points: Sequence[Point], nothing: float, infinite: float | None) -> list[Point]:
    """Move ratios of 0 and infinity to the heights that the axis has for them."""
    top = math.inf if infinite is None else infinite

    def place(ratio: float) -> float:
        return min(max(ratio, nothing), top)

    return [replace(one, y=place(one.y), low=place(one.low), high=place(one.high)) for one in points]


def _draw(
    axes: Axes, label: str, points: Sequence[Point], is_solid: Sequence[bool], gaps: Sequence[float], look: Look
) -> LineEnd:
    """Draw a faint line through all points, and each with its bar as solid or as faint as it is sure."""
    xs, ys = [point.x for point in points], [point.y for point in points]
    axes.plot(xs, ys, label=label, color=look.colour, linewidth=1.2, alpha=FAINT_ALPHA, clip_on=False)
    for solid, name, alpha in ((True, "verdict", 1.0), (False, "no verdict", FAINT_ALPHA)):
        drawn = [point for point, one in zip(points, is_solid, strict=True) if one is solid]
        look_of: dict[str, Any] = {"color": look.colour, "alpha": alpha, "clip_on": False}
        if bars := [point for point in drawn if point.low != point.high]:
            bar_xs, low, high = zip(*((point.x, point.low, point.high) for point in bars), strict=True)
            axes.vlines(bar_xs, low, high, linewidth=3, label=f"{label} range", zorder=1.5, **look_of)
        for is_valid, face, suffix in ((True, look.colour, ""), (False, "white", " invalid")):
            if marks := [(point.x, point.y) for point in drawn if point.valid is is_valid]:
                axes.plot(
                    *zip(*marks, strict=True),
                    label=f"{label} {name}{suffix}",
                    linestyle="none",
                    marker=look.marker,
                    markersize=look.marker_size,
                    markerfacecolor=face,
                    markeredgewidth=1.8,
                    **look_of,
                )
    if gaps:
        unmeasured: dict[str, Any] = {"color": look.colour, "label": f"{label} not measured", "clip_on": False}
        axes.plot([xs[-1], *gaps], [ys[-1]] * (len(gaps) + 1), linestyle=":", linewidth=1.2, color=look.colour)
        axes.plot(gaps, [ys[-1]] * len(gaps), linestyle="none", marker="x", **unmeasured)
    return LineEnd(label, gaps[-1] if gaps else xs[-1], ys[-1], look.colour)


def _beyond(known: Sequence[Comparison]) -> dict[float, str]:
    """Name what lies beyond all ratios: 0 and infinity, or no factor where a cell is saturated."""
    names = {0.0: "0", math.inf: "infinite"}
    for one in known:
        if one.blocks_saturated and one.ratio in names:
            names[one.ratio] = NO_FACTOR
    return names


def _scale_ratio(axes: Axes, points: Sequence[Point], beyond: dict[float, str]) -> tuple[float, float | None]:
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
        names[nothing] = beyond[0]
    if math.inf in values:
        infinite = high * half_band
        high = infinite * half_band
        names[infinite] = beyond[math.inf]
    style.log_axis(axes, "y", low, high, ticks, names)
    return nothing, infinite


def _without_ratio(comparisons: Sequence[Comparison]) -> list[str]:
    """Name what was measured and has no ratio, because both sides are infinite or saturated."""
    places = [f"{one.arm} {one.users:,}" for one in comparisons if one.block_ratios and math.isnan(one.ratio)]
    return [f"No ratio, as both are saturated or infinite: {', '.join(places)} users."] if places else []


def _has_interval(one: Comparison) -> bool:
    return one.low > 0 or one.high < math.inf


def _how_to_read(comparisons: Sequence[Comparison]) -> str:
    """Explain the band and the bars, if there are any."""
    if any(map(_has_interval, comparisons)):
        bars = "Bars: 95 % intervals. "
    else:
        bars = "Bars: the range of the blocks. " * any(one.blocks_used > 1 for one in comparisons)
    verdict = f"Solid: a verdict, faster or slower by more than {MARGIN} in the test of all comparisons. Faint: none."
    no_factor = " No factor: one side is saturated." * (NO_FACTOR in _beyond(comparisons).values())
    return f"{bars}{verdict} Grey band: within {MARGIN}.{no_factor}"
