"""Chart: how does the delivery latency grow with the users in the room."""

from __future__ import annotations

import math
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.answer import finding
from bench.charts import series, style
from bench.charts.notes import notes
from bench.summary import Cell, Summary
from loadtest.result import Latency

PANELS: dict[str, Callable[[Latency], float | None]] = {
    "p50": lambda latency: latency.p50,
    "p99": lambda latency: latency.p99,
    "max": lambda latency: latency.max,
}


def latency_by_users(summary: Summary) -> Figure:
    """Draw p50, p99 and max of the delivery latency by user count, with the objective's line."""
    figure, panels = style.new_figure(summary, finding(summary), notes(summary), len(PANELS), (2.75, 3.3))
    users, slo_ms = summary.plan.workload.users, summary.plan.slo_ms
    never_ms = _scale_latency(panels[0], summary)
    looks = style.looks([arm.label for arm in summary.plan.arms])
    for axes, (name, percentile) in zip(panels, PANELS.items(), strict=True):
        axes.set_title(name, loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel("users in the room")
        style.log_axis(axes, "x", *style.padded(users[0], users[-1]), style.thin(users, 1.35))
        axes.axhline(slo_ms, color=style.FAINT, linewidth=1.2, linestyle="--", label="objective")
        if never_ms:
            axes.axhspan(never_ms / 1.3, never_ms * 1.3, color=style.GRID, alpha=0.6, linewidth=0, label="never")
        ends = []
        for label, look in looks.items():
            points = series.points(summary, label, lambda cell: cell.users, _milliseconds(percentile))
            if points:
                gaps = [count for count in users if count > points[-1].users]
                ends.append(series.draw(axes, label, points, gaps, look, never_ms))
        style.label_line_ends(axes, ends)
    panels[0].set_ylabel("delivery latency, ms")
    panels[0].annotate(
        f"objective {slo_ms:g} ms",
        xy=(0.02, slo_ms),
        xycoords=panels[0].get_yaxis_transform(),
        xytext=(0, 4),
        textcoords="offset points",
        color=style.FAINT,
        fontsize=9.5,
    )
    return figure


def _milliseconds(percentile: Callable[[Latency], float | None]) -> Callable[[Cell], float]:
    """Turn the percentile that fell among missing deliveries into what it is: infinite."""

    def read(cell: Cell) -> float:
        value = percentile(cell.latency_ms)
        return math.inf if value is None else value

    return read


def _scale_latency(axes: Axes, summary: Summary) -> float | None:
    """Scale the y axis to all values of all panels.

    Where a percentile is infinite, the axis gets a tick `never` above all finite values; returns its height.
    """
    values = [_milliseconds(percentile)(cell) for percentile in PANELS.values() for cell in summary.cells]
    finite = [value for value in values if value < math.inf]
    slo_ms = summary.plan.slo_ms
    low, high = style.padded(min([*finite, slo_ms]), max([*finite, slo_ms * 1.3]))  # room for the objective's name
    ticks = style.round_ticks(low, high)
    if len(finite) == len(values):
        style.log_axis(axes, "y", low, high, ticks)
        return None
    half_band = (high / low) ** 0.06
    never_ms: float = high * half_band
    ticks = [tick for tick in ticks if tick < high]
    style.log_axis(axes, "y", low, never_ms * half_band, ticks, {never_ms: "never"})
    return never_ms
