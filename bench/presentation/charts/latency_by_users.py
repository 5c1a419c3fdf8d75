"""Chart: the delivery latency by the users in the room."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.latency_axis import mark_limits, name_slo, scale_latency
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.max_users_wording import slo_finding
from loadtest.ledger.result import Latency

PANELS: dict[str, Callable[[Latency], float | None]] = {
    "p50": lambda latency: latency.p50,
    "p99": lambda latency: latency.p99,
    "max": lambda latency: latency.max,
}


def latency_by_users(summary: Summary) -> Figure:
    """Draw p50, p99 and max of the delivery latency by user count, with the SLO's line."""
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary), slo_finding(summary), notes(summary), len(PANELS), (2.75, 3.3)
    )
    users, slo_ms = summary.plan.workload.users, summary.plan.slo_ms
    values = [_milliseconds(percentile)(cell) for percentile in PANELS.values() for cell in summary.cells]
    never_ms = scale_latency(panels[0], values, slo_ms)
    looks = style.looks([arm.label for arm in summary.plan.arms])
    for axes, (name, percentile) in zip(panels, PANELS.items(), strict=True):
        axes.set_title(name, loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel("users in the room")
        style.log_axis(axes, "x", *style.padded(users[0], users[-1]), style.thin(users, 1.35))
        mark_limits(axes, slo_ms, never_ms)
        ends = []
        for label, look in looks.items():
            points = series.points(summary, label, lambda cell: cell.users, _milliseconds(percentile))
            if points:
                gaps = [count for count in users if count > points[-1].users]
                ends.append(series.draw(axes, label, points, gaps, look, never_ms))
        style.label_line_ends(axes, ends)
    panels[0].set_ylabel("delivery latency, ms")
    name_slo(panels[0], slo_ms)
    return figure


def _milliseconds(percentile: Callable[[Latency], float | None]) -> Callable[[Cell], float]:
    return lambda cell: or_infinite(percentile(cell.latency_ms))
