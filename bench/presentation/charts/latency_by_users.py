"""Chart: the delivery latency by the users in the room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from bench.analysis.support import all_carry
from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.latency_axis import mark_limits, name_slo, say_not_carried, scale_latency
from bench.presentation.charts.parts.notes import medians, notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.series import Point
from bench.presentation.max_users_wording import slo_finding


@dataclass(frozen=True)
class Panel:
    """A percentile of a cell, drawn where its messages carry it."""

    title: str
    percentile: float
    read: Callable[[Cell], float | None]

    def points(self, summary: Summary, label: str) -> list[Point]:
        """Fold the cells of one strategy; a user count without enough messages is left out."""
        points = series.points(summary, label, lambda cell: cell.users, lambda cell: or_infinite(self.read(cell)))
        return [
            point
            for point in points
            if all_carry(summary.blocks_of(label, point.users), summary.plan.workload, self.percentile)
        ]


PANELS = (
    Panel("p50 of deliveries", 50, lambda cell: cell.latency_ms.p50),
    Panel("p99 of deliveries", 99, lambda cell: cell.latency_ms.p99),
    Panel("p99 until all have it", 99, lambda cell: cell.last_receiver_ms.p99),
)


def latency_by_users(summary: Summary) -> Figure:
    """Draw p50 and p99 of the delivery latency, and the p99 until all have a message, by user count, with the SLO."""
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        slo_finding(summary),
        [*medians(summary, "bars"), *notes(summary)],
        len(PANELS),
        (2.75, 3.3),
    )
    users, slo_ms, labels = summary.plan.workload.users, summary.plan.slo_ms, [arm.label for arm in summary.plan.arms]
    lines = {panel: {label: panel.points(summary, label) for label in labels} for panel in PANELS}
    drawn = [point for by_label in lines.values() for points in by_label.values() for point in points]
    never_ms = scale_latency(panels[0], [end for point in drawn for end in (point.low, point.high)], slo_ms)
    looks = style.looks(labels)
    for axes, (panel, by_label) in zip(panels, lines.items(), strict=True):
        axes.set_title(panel.title, loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel("users in the room")
        style.log_axis(axes, "x", *style.padded(users[0], users[-1]), style.thin(users, 1.35))
        mark_limits(axes, slo_ms, never_ms)
        ends = []
        for label, points in by_label.items():
            if points:
                gaps = [count for count in users if count > points[-1].users]
                ends.append(series.draw(axes, label, points, gaps, looks[label], never_ms))
        style.label_line_ends(axes, ends)
        if not ends:
            say_not_carried(axes, panel.percentile)
    panels[0].set_ylabel("delivery latency, ms")
    name_slo(panels[0], slo_ms)
    return figure
