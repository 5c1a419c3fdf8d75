"""The latency axis that several charts share: logarithmic, with a line at the SLO and a tick `never`."""

from __future__ import annotations

import math
from collections.abc import Iterable

from matplotlib.axes import Axes

from bench.presentation.charts.parts import style
from loadtest.ledger.percentile_support import messages_needed


def scale_latency(axes: Axes, values: Iterable[float], slo_ms: float) -> float | None:
    """Scale the y axis to all values and the SLO.

    Where a value is infinite, the axis gets a tick `never` above all finite values; returns its height.
    """
    values = list(values)
    finite = [value for value in values if value < math.inf]
    low, high = style.padded(min([*finite, slo_ms]), max([*finite, slo_ms * 1.3]))  # room for the SLO's name
    ticks = style.round_ticks(low, high)
    if len(finite) == len(values):
        style.log_axis(axes, "y", low, high, ticks)
        return None
    half_band = (high / low) ** 0.06
    never_ms: float = high * half_band
    ticks = [tick for tick in ticks if tick < high]
    style.log_axis(axes, "y", low, never_ms * half_band, ticks, {never_ms: "never"})
    return never_ms


def mark_limits(axes: Axes, slo_ms: float, never_ms: float | None) -> None:
    """Draw the SLO as a line, and a band at `never`."""
    axes.axhline(slo_ms, color=style.FAINT, linewidth=1.2, linestyle="--", label="SLO")
    if never_ms:
        axes.axhspan(never_ms / 1.3, never_ms * 1.3, color=style.GRID, alpha=0.6, linewidth=0, label="never")


def say_not_carried(axes: Axes, percentile: float) -> None:
    """Say in an empty panel that no window has enough messages for its percentile."""
    text = f"a p{percentile:g} needs windows of\n{messages_needed(percentile):,} messages"
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=style.FAINT, backgroundcolor="white"
    )


def name_slo(axes: Axes, slo_ms: float) -> None:
    """Label the line of the SLO."""
    axes.annotate(
        f"SLO {slo_ms:g} ms",
        xy=(0.02, slo_ms),
        xycoords=axes.get_yaxis_transform(),
        xytext=(0, 4),
        textcoords="offset points",
        color=style.FAINT,
        fontsize=9.5,
    )
