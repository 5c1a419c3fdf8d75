"""The look that all charts share: colours, markers, axes, labels, title and footer."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from bench.presentation.charts.parts.provenance import Provenance

INK, FAINT, GRID = "#222222", "#6b6b6b", "#e3e3e3"
# Okabe-Ito, which people with any colour vision can tell apart; its yellow is too pale for a line.
LOOKS = {
    "direct": ("#0072B2", "o"),
    "queue": ("#D55E00", "s"),
    "gather": ("#009E73", "^"),
    "coalesced": ("#CC79A7", "D"),
}
SPARE_LOOKS = (("#E69F00", "v"), ("#56B4E9", "P"), ("#000000", "X"), ("#999999", "*"))
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.hashsalt": "chatroom-bench",
}
LABEL_GAP_POINTS = 14
MARGIN, LEFT, ROW_GAP = 0.2, 1.0, 0.85  # inches
DPI = 150


@dataclass(frozen=True)
class Look:
    """How a strategy is drawn, in every chart; sizes are in points.

    Those drawn later are smaller, so that a line does not hide another that it lies on.
    """

    colour: str
    marker: str
    marker_size: float
    line_width: float


@dataclass(frozen=True)
class LineEnd:
    """Where a line ends, in data units, and what to write there."""

    label: str
    x: float
    y: float
    colour: str


def looks(labels: Sequence[str]) -> dict[str, Look]:
    """Give each label its strategy's look, or where that is taken or unknown the next spare one.

    So `direct#1` and `direct@main` look like `direct`, and `direct#2` and `direct@HEAD` beside them do not.
    """
    spare = 0
    chosen: dict[str, Look] = {}
    free = dict(LOOKS)
    for position, label in enumerate(labels):
        look = free.pop(re.split("[@#]", label)[0], None)
        if look is None:
            look = SPARE_LOOKS[spare % len(SPARE_LOOKS)]
            spare += 1
        chosen[label] = Look(*look, marker_size=max(5, 9.5 - 1.5 * position), line_width=max(1.2, 3 - 0.6 * position))
    return chosen


def new_figure(
    provenance: Provenance,
    title: str,
    notes: Sequence[str],
    panels: int,
    panel_size: tuple[float, float],
    *,
    rows: int = 1,
    share_y: bool = True,
    beside: float = 0,
    left: float = LEFT,
) -> tuple[Figure, list[Axes]]:
    """Create a figure of `rows` of `panels` side by side, `panel_size` in inches, with all text around.

    The panels have one y axis, unless `share_y` is false: then each has its own. The title states the finding;
    the notes explain marks; the footer says where the figures come from. The figure grows with its text, and
    leaves room for the labels right of each panel, and for what else is `beside` it, and `left` of all, in inches.
    """
    width, height = panel_size
    column_width = width + 0.45 + 0.1 * max(map(len, provenance.labels)) + beside
    figure_width = left + panels * column_width
    title = textwrap.fill(title, int(figure_width * 8.2))
    footer = [textwrap.fill(line, int(figure_width * 13)) for line in (*notes, *provenance.lines())]
    bottom = 0.95 + 0.17 * "\n".join(footer).count("\n")
    top = 0.75 + 0.27 * title.count("\n")
    figure_height = bottom + rows * height + (rows - 1) * ROW_GAP + top
    with mpl.rc_context(RC):
        figure = Figure(figsize=(figure_width, figure_height), dpi=DPI)
        axes: list[Axes] = []
        for number in range(rows * panels):
            row, column = divmod(number, panels)
            place = (
                (left + column * column_width) / figure_width,
                (bottom + (rows - 1 - row) * (height + ROW_GAP)) / figure_height,
                width / figure_width,
                height / figure_height,
            )
            axes.append(figure.add_axes(place, sharey=axes[0] if axes and share_y else None))
            axes[-1].grid(True, which="major", color=GRID, linewidth=0.8)
            axes[-1].set_axisbelow(True)
            axes[-1].spines[["top", "right"]].set_visible(False)
            axes[-1].tick_params(which="both", length=0, pad=6, labelleft=column == 0 or not share_y)
        x = MARGIN / figure_width
        figure.suptitle(title, x=x, y=1 - 0.15 / figure_height, ha="left", va="top", fontsize=14, fontweight="bold")
        figure.text(
            x,
            0.12 / figure_height,
            "\n".join(footer),
            va="bottom",
            fontsize=8.5,
            color=FAINT,
            linespacing=1.4,
        )
    return figure, axes


def log_axis(
    axes: Axes,
    which: Literal["x", "y"],
    low: float,
    high: float,
    ticks: Iterable[float],
    names: Mapping[float, str] | None = None,
) -> None:
    """Make an axis logarithmic from `low` to `high`, with plain numbers at `ticks` and words at `names`."""
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    labels = {tick: plain(tick) for tick in ticks if low <= tick <= high} | dict(names or {})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(list(labels), labels=list(labels.values()))
    axis.set_minor_locator(NullLocator())


def plain(value: float) -> str:
    """Write a tick: 0.5, 50, 20,000."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """Widen limits on a log axis by a share of their distance at both ends."""
    factor = max(1.1, (high / low) ** share)
    return low / factor, high * factor


def round_ticks(low: float, high: float) -> list[float]:
    """Choose 1, 10, 100 ..., with 2 and 5 between them where the range is short."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    return [step * 10.0**power for power in range(first, last + 1) for step in steps]


def thin(values: Sequence[float], ratio: float) -> list[float]:
    """Keep the values that stand at least `ratio` apart on a log axis, and the largest."""
    kept: list[float] = []
    for value in sorted(values, reverse=True):
        if not kept or kept[-1] / value >= ratio:
            kept.append(value)
    return kept[::-1]


def label_line_ends(axes: Axes, ends: Sequence[LineEnd]) -> None:
    """Write labels right of the axes at the height of their lines' ends, nudged apart until none overlap.

    Call it last: it needs the final limits. A thin dotted line leads to a line that ends early.
    """
    if not ends:
        return
    ends = sorted(ends, key=lambda end: end.y)
    frame = axes.get_window_extent()
    gap = LABEL_GAP_POINTS * axes.figure.dpi / 72
    wanted = axes.transData.transform([(end.x, end.y) for end in ends])[:, 1]
    heights = spread(wanted, gap, frame.y0, frame.y1)
    for end, height in zip(ends, heights, strict=True):
        axes.annotate(
            end.label,
            xy=(end.x, end.y),
            xytext=(1.03, (height - frame.y0) / frame.height),
            textcoords="axes fraction",
            color=end.colour,
            va="center",
            fontweight="bold",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": end.colour,
                "linewidth": 0.9,
                "linestyle": ":",
                "shrinkA": 1,
                "shrinkB": 5,
                "relpos": (0, 0.5),
            },
        )


def spread(wanted: NDArray[np.float64], gap: float, low: float, high: float) -> NDArray[np.float64]:
    """Move ascending positions as little as possible so that neighbours stand `gap` apart."""
    offsets = gap * np.arange(len(wanted))
    blocks: list[list[float]] = []  # each: positions less their offsets, to share one mean
    for position in wanted - offsets:
        blocks.append([float(position)])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    level = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    placed: NDArray[np.float64] = np.clip(level, low, max(low, high - offsets[-1])) + offsets
    return placed


def save(figure: Figure, path: Path, title: str, description: str) -> None:
    """Write a figure with its title, and in SVG a description, as metadata; the same figure gives the same SVG."""
    metadata = {"Title": title} | ({"Date": None, "Description": description} if path.suffix == ".svg" else {})
    with mpl.rc_context(RC):
        figure.savefig(path, dpi=DPI, metadata=metadata)
