"""Chart: all percentiles of the delivery latency, the tail stretched out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.errors import ChartLeftOutError
from bench.model.summary import Summary
from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.latency_axis import mark_limits, name_slo, scale_latency
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.style import LineEnd, Look
from bench.presentation.text import milliseconds
from bench.storage.distributions import Distributions, Spectrum

PANELS = 3
NAMES = {2.0: "50", 10.0: "90", 100.0: "99", 1e3: "99.9", 1e4: "99.99", 1e5: "99.999", 1e6: "99.9999"}
POINTS = 200  # at which blocks are folded, evenly along the axis


@dataclass(frozen=True)
class Line:
    """The median of the valid blocks and their range by 1 / (1 - p); of all blocks if none is valid."""

    inverse: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    valid: bool


def percentile_spectrum(summary: Summary, details: Distributions) -> Figure:
    """Draw the delivery latency by percentile at the fewest, a middle and the most users, x = 1 / (1 - p)."""
    measured = sorted({spectrum.users for spectrum in details.spectra})
    if not measured:
        raise ChartLeftOutError("hgrm/, the percentiles in full, is not there")
    chosen = sorted({measured[0], measured[len(measured) // 2], measured[-1]})
    labels = [arm.label for arm in summary.plan.arms]
    lines = {users: _lines(summary, details.spectra, users) for users in chosen}
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        _finding(lines[chosen[-1]], chosen[-1]),
        notes(summary, gaps="Not measured, so not shown"),
        len(chosen),
        (3.3, 3.6),
    )
    drawn = [line for by_label in lines.values() for line in by_label.values()]
    slo_ms = summary.plan.slo_ms
    values = np.concatenate([part[line.inverse >= 2] for line in drawn for part in (line.low, line.high)])
    never_ms = scale_latency(panels[0], values.tolist(), slo_ms)
    most = max(line.inverse[-1] for line in drawn)
    looks = style.looks(labels)
    for axes, (users, by_label) in zip(panels, lines.items(), strict=True):
        axes.set_title(f"{users:,} users", loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel("percentile of the deliveries")
        style.log_axis(axes, "x", 1.7, most * 1.3, [], {at: name for at, name in NAMES.items() if at <= most})
        mark_limits(axes, slo_ms, never_ms)
        style.label_line_ends(
            axes, [_draw(axes, label, line, looks[label], never_ms) for label, line in by_label.items()]
        )
    panels[0].set_ylabel("delivery latency, ms")
    name_slo(panels[0], slo_ms)
    return figure


def _lines(summary: Summary, spectra: Sequence[Spectrum], users: int) -> dict[str, Line]:
    valid = {(cell.strategy, cell.users, cell.block): cell.valid for cell in summary.cells}
    lines = {}
    for arm in summary.plan.arms:
        blocks = [spectrum for spectrum in spectra if (spectrum.strategy, spectrum.users) == (arm.label, users)]
        if blocks:
            counted = [each for each in blocks if valid.get((each.strategy, users, each.block))]
            lines[arm.label] = _fold(counted or blocks, valid=len(counted) == len(blocks))
    return lines


def _fold(blocks: Sequence[Spectrum], *, valid: bool) -> Line:
    inverse = np.geomspace(1, min(block.inverse[-1] for block in blocks), POINTS)
    # Steps, not slopes: nothing lies between a latency that was measured and one that is infinite.
    values = np.array([block.latency_ms[np.searchsorted(block.inverse, inverse * (1 - 1e-9))] for block in blocks])
    middle = np.median(values, axis=0)
    return Line(inverse, middle, values.min(axis=0), values.max(axis=0), valid)


def _draw(axes: Axes, label: str, line: Line, look: Look, never_ms: float | None) -> LineEnd:
    """Draw a line with a marker at each named percentile, dashed if it is invalid."""
    top = math.inf if never_ms is None else never_ms
    middle, low, high = (np.minimum(part, top) for part in (line.middle, line.low, line.high))
    axes.plot(
        line.inverse,
        middle,
        label=label,
        color=look.colour,
        linewidth=look.line_width,
        linestyle="-" if line.valid else "--",
        marker=look.marker,
        markersize=look.marker_size,
        markerfacecolor=look.colour if line.valid else "white",
        markevery=[int(np.searchsorted(line.inverse, at)) for at in NAMES if at <= line.inverse[-1]],
    )
    if (low != high).any():
        axes.fill_between(line.inverse, low, high, color=look.colour, alpha=0.2, linewidth=0, label=f"{label} range")
    return LineEnd(label, float(line.inverse[-1]), float(middle[-1]), look.colour)


def _finding(lines: dict[str, Line], users: int) -> str:
    """Say what the slowest in a thousand deliveries take with the most users, the best first."""
    tails = {label: line.middle[np.searchsorted(line.inverse[:-1], 1000)] for label, line in lines.items()}
    ordered = sorted(tails, key=lambda label: tails[label])
    parts = [f"{label} {_limit(tails[label])}" for label in ordered]
    return f"With {users:,} users one delivery in 1,000 takes longer than: {', '.join(parts)}"


def _limit(value_ms: np.float64) -> str:
    return "never" if math.isinf(value_ms) else f"{milliseconds(value_ms)} ms"
