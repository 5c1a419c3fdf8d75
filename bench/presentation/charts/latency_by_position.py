"""Chart: the delivery latency by the order of joining."""

from __future__ import annotations

import math
from collections.abc import Callable

from matplotlib.figure import Figure

from bench.analysis.support import all_carry
from bench.errors import ChartLeftOutError
from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.latency_axis import mark_limits, name_slo, say_not_carried, scale_latency
from bench.presentation.charts.parts.notes import medians, notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.series import Point
from bench.presentation.text import milliseconds
from loadtest.ledger.result import MedianAndTail

TENTHS = 10  # parts of the room; a smaller room has none

Read = Callable[[MedianAndTail], float | None]
PANELS: dict[float, Read] = {50: lambda latency: latency.p50, 99: lambda latency: latency.p99}


def latency_by_position(summary: Summary) -> Figure:
    """Draw the delivery latency of each tenth of the room, in the order of joining, at one user count."""
    users = series.largest_shared_users(summary, at_least=TENTHS)
    if users is None:
        raise ChartLeftOutError(f"no room of {TENTHS} members or more was measured")
    cells = {arm.label: summary.blocks_of(arm.label, users) for arm in summary.plan.arms}
    lines = {
        percentile: {
            label: _points(blocks, read)
            for label, blocks in cells.items()
            if blocks and all_carry(blocks, summary.plan.workload, percentile)
        }
        for percentile, read in PANELS.items()
    }
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        _finding(lines[50], users),
        [*medians(summary, "bars"), *notes(summary, gaps="Not measured, so not shown")],
        len(PANELS),
        (3.9, 3.3),
    )
    everything = [point for panel in lines.values() for points in panel.values() for point in points]
    slo_ms = summary.plan.slo_ms
    never_ms = scale_latency(panels[0], [end for point in everything for end in (point.low, point.high)], slo_ms)
    looks = style.looks(list(cells))
    for axes, (percentile, drawn) in zip(panels, lines.items(), strict=True):
        axes.set_title(f"p{percentile:g}, {users:,} users", loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel("tenth of the room, by order of joining")
        axes.set_xlim(0.6, TENTHS + 0.4)
        axes.set_xticks([1, 4, 7, 10], labels=["first", "4th", "7th", "last"])
        mark_limits(axes, slo_ms, never_ms)
        ends = [series.draw(axes, label, points, [], looks[label], never_ms) for label, points in drawn.items()]
        style.label_line_ends(axes, ends)
        if not ends:
            say_not_carried(axes, percentile)
    panels[0].set_ylabel("delivery latency, ms")
    name_slo(panels[0], slo_ms)
    return figure


def _points(blocks: list[Cell], read: Read) -> list[Point]:
    return [_point(blocks, read, tenth) for tenth in range(TENTHS)]


def _point(blocks: list[Cell], read: Read, tenth: int) -> Point:
    return series.fold(blocks, lambda _: tenth + 1, lambda cell: or_infinite(read(cell.position_ms[tenth])))


def _finding(lines: dict[str, list[Point]], users: int) -> str:
    """Say how long the last tenth waits, the shortest first, and the first tenth beside it."""
    ends = {label: (points[0].y, points[-1].y) for label, points in lines.items()}
    if not ends:
        return f"How long the last to join of {users:,} users wait is not known"
    parts = [
        f"{label} {_ms(ends[label][1])} (the first {_ms(ends[label][0])})"
        for label in sorted(ends, key=lambda label: ends[label][1])
    ]
    return f"The last to join of {users:,} users wait, p50 in ms: {', '.join(parts)}"


def _ms(value: float) -> str:
    return milliseconds(None if math.isinf(value) else value)
