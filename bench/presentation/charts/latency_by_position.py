"""Chart: the delivery latency by the order of joining."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from bench.errors import ChartLeftOutError
from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.latency_axis import mark_limits, name_slo, scale_latency
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.series import Point
from bench.presentation.text import listing
from loadtest.ledger.result import MedianAndTail

TENTHS = 10  # parts of the room; a smaller room has none
EVEN = 1.1  # how far apart first and last may be to count as equal

Read = Callable[[MedianAndTail], float | None]
PANELS: dict[str, Read] = {"p50": lambda latency: latency.p50, "p99": lambda latency: latency.p99}


def latency_by_position(summary: Summary) -> Figure:
    """Draw the delivery latency of each tenth of the room, in the order of joining, at one user count."""
    users = series.largest_shared_users(summary, at_least=TENTHS)
    if users is None:
        raise ChartLeftOutError(f"no room of {TENTHS} members or more was measured")
    cells = {arm.label: summary.blocks_of(arm.label, users) for arm in summary.plan.arms}
    lines = {
        name: {label: _points(blocks, read) for label, blocks in cells.items() if blocks}
        for name, read in PANELS.items()
    }
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        _finding(lines["p50"], users),
        notes(summary, gaps="Not measured, so not shown"),
        len(PANELS),
        (3.9, 3.3),
    )
    everything = [point for panel in lines.values() for points in panel.values() for point in points]
    slo_ms = summary.plan.slo_ms
    never_ms = scale_latency(panels[0], [end for point in everything for end in (point.low, point.high)], slo_ms)
    looks = style.looks(list(cells))
    for axes, (name, drawn) in zip(panels, lines.items(), strict=True):
        axes.set_title(f"{name}, {users:,} users", loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel("tenth of the room, by order of joining")
        axes.set_xlim(0.6, TENTHS + 0.4)
        axes.set_xticks([1, 4, 7, 10], labels=["first", "4th", "7th", "last"])
        mark_limits(axes, slo_ms, never_ms)
        ends = [series.draw(axes, label, points, [], looks[label], never_ms) for label, points in drawn.items()]
        style.label_line_ends(axes, ends)
    panels[0].set_ylabel("delivery latency, ms")
    name_slo(panels[0], slo_ms)
    return figure


def _points(blocks: list[Cell], read: Read) -> list[Point]:
    return [_point(blocks, read, tenth) for tenth in range(TENTHS)]


def _point(blocks: list[Cell], read: Read, tenth: int) -> Point:
    return series.fold(blocks, lambda _: tenth + 1, lambda cell: or_infinite(read(cell.position_ms[tenth])))


def _finding(lines: dict[str, list[Point]], users: int) -> str:
    """Say how much longer the last tenth waits than the first, the most uneven first."""
    ends = {label: (points[0].y, points[-1].y) for label, points in lines.items()}
    ratios = {label: 1 if last == first else last / first for label, (first, last) in ends.items()}
    uneven = sorted((label for label in ratios if ratios[label] > EVEN), key=lambda label: -ratios[label])
    even = [label for label in lines if label not in uneven]
    if not uneven:
        return f"The last to join of {users:,} users wait no longer than the first (p50) with any strategy"
    parts = [f"{ratios[label]:.1f} times as long with {label}" for label in uneven]
    if even:
        parts.append(f"no longer with {listing(even)}")
    return f"The last to join of {users:,} users wait, against the first (p50): {', '.join(parts)}"
