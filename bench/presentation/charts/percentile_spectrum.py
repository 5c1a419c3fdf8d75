"""Chart: all percentiles of the delivery latency, the tail stretched out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.analysis.support import messages_of
from bench.errors import ChartLeftOutError
from bench.model.plan import Workload
from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.latency_axis import mark_limits, name_slo, scale_latency
from bench.presentation.charts.parts.notes import medians, notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.style import LineEnd, Look
from bench.presentation.text import milliseconds
from bench.storage.distributions import Distributions, Spectrum
from loadtest.ledger.percentile_support import MIN_TAIL_MESSAGES
from loadtest.ledger.result import Latency

ENDS = f"A line ends where {MIN_TAIL_MESSAGES} messages of the window are slower: all copies of one share its fate."
NAMES = {2.0: "50", 10.0: "90", 100.0: "99", 1e3: "99.9", 1e4: "99.99", 1e5: "99.999", 1e6: "99.9999"}
READ: dict[float, Callable[[Latency], float | None]] = {
    2.0: lambda latency: latency.p50,
    10.0: lambda latency: latency.p90,
    100.0: lambda latency: latency.p99,
    1e3: lambda latency: latency.p99_9,
}
"""The percentiles that a cell has itself: they are drawn exactly, and others from the steps of its percentile file."""
POINTS = 200  # at which blocks are folded, evenly along the axis, beside the named percentiles


@dataclass(frozen=True)
class Line:
    """The median of the valid blocks and their range by 1 / (1 - p); of all blocks if none is valid."""

    inverse: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    valid: bool


def percentile_spectrum(summary: Summary, details: Distributions) -> Figure:
    """Draw the delivery latency by percentile at the fewest, a middle and the most users, x = 1 / (1 - p).

    A line ends where fewer than 10 messages of a window lie beyond it.
    """
    measured = sorted({spectrum.users for spectrum in details.spectra})
    if not measured:
        raise ChartLeftOutError("hgrm/, the percentiles in full, is not there")
    chosen = sorted({measured[0], measured[len(measured) // 2], measured[-1]})
    labels = [arm.label for arm in summary.plan.arms]
    lines = {users: _lines(summary, details.spectra, users) for users in chosen}
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        _finding(lines[chosen[-1]], chosen[-1], is_median=summary.plan.blocks > 1),
        [ENDS, *medians(summary, "bands"), *notes(summary, gaps="Not measured, so not shown")],
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
    cells = {(cell.strategy, cell.block): cell for cell in summary.cells if cell.users == users}
    lines = {}
    for arm in summary.plan.arms:
        blocks = [
            (spectrum, cell)
            for spectrum in spectra
            if (spectrum.strategy, spectrum.users) == (arm.label, users)
            and (cell := cells.get((arm.label, spectrum.block)))
        ]
        if blocks:
            counted = [(spectrum, cell) for spectrum, cell in blocks if cell.valid] or blocks
            valid = all(cell.valid for _, cell in blocks)
            lines[arm.label] = _fold(counted, summary.plan.workload, valid=valid)
    return lines


def _fold(blocks: Sequence[tuple[Spectrum, Cell]], workload: Workload, *, valid: bool) -> Line:
    end = min(min(spectrum.inverse[-1], messages_of(cell, workload) / MIN_TAIL_MESSAGES) for spectrum, cell in blocks)
    named = [at for at in NAMES if at <= end]
    inverse = np.unique([*np.geomspace(1, max(1, end), POINTS), *named])
    values = np.array([_latencies(spectrum, cell, inverse) for spectrum, cell in blocks])
    middle = np.median(values, axis=0)
    return Line(inverse, middle, values.min(axis=0), values.max(axis=0), valid)


def _latencies(spectrum: Spectrum, cell: Cell, inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read a cell's latency at each percentile, the named ones from the cell itself."""
    # Steps, not slopes: nothing lies between a latency that was measured and one that is infinite.
    values = spectrum.latency_ms[np.searchsorted(spectrum.inverse, inverse * (1 - 1e-9))]
    for at, read in READ.items():
        values[inverse == at] = or_infinite(read(cell.latency_ms))
    return np.minimum.accumulate(values[::-1])[::-1]  # a step lies above what is read between two of them


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


def _finding(lines: dict[str, Line], users: int, *, is_median: bool) -> str:
    """Say what the slowest deliveries take with the most users, at the last named percentile of all lines."""
    shared = [at for at in READ if all(at in line.inverse for line in lines.values())]
    if not shared:
        return f"With {users:,} users no percentile is carried by the messages of a window"
    tails = {label: float(line.middle[line.inverse == shared[-1]][0]) for label, line in lines.items()}
    ordered = sorted(tails, key=lambda label: tails[label])
    parts = [f"{label} {_limit(tails[label])}" for label in ordered]
    median = ", median over blocks" * is_median
    one_in = f"one delivery in {shared[-1]:,.0f} takes longer than (p{NAMES[shared[-1]]}{median})"
    return f"With {users:,} users {one_in}: {', '.join(parts)}"


def _limit(value_ms: float) -> str:
    return "never" if math.isinf(value_ms) else f"{milliseconds(value_ms)} ms"
