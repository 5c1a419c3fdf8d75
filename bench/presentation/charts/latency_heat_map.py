"""Chart: the latency of each second, which shows drifts, bursts and backlogs within a window."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from bench.analysis.paired_tests import SIGNIFICANCE
from bench.analysis.trend import rises
from bench.errors import ChartLeftOutError
from bench.model.summary import Summary, or_infinite
from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.latency_colours import LatencyColours
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.text import listing
from bench.storage.distributions import Distributions, TimelineSecond
from loadtest.ledger.percentile_support import is_supported

COLUMNS = 120  # in all blocks together; in a longer campaign a column is the worst of several seconds
UNEVEN = 2.0  # the worst second by the median second
PANEL_WIDTH, ROW_HEIGHT, MIN_HEIGHT, BAR_ROOM = 8.0, 0.3, 1.8, 0.8  # inches


Place = tuple[str, int]
"""A strategy and a user count."""


@dataclass(frozen=True)
class FigureOfSecond:
    """A latency of a second, with its name in a sentence and over the scale."""

    read: Callable[[TimelineSecond], float | None]
    name: str
    scale: str


P99 = FigureOfSecond(lambda second: second.p99, "p99", "p99, ms")
SLOWEST = FigureOfSecond(lambda second: second.max, "slowest delivery", "slowest, ms")


@dataclass(frozen=True)
class TimeAxis:
    """Columns of `column_s` seconds, so many a block, the blocks one after the other."""

    blocks: int
    columns: int
    column_s: int

    @classmethod
    def of(cls, blocks: int, seconds: int) -> TimeAxis:
        """Make columns as narrow as there is room for."""
        column_s = math.ceil(blocks * seconds / COLUMNS)
        return cls(blocks, math.ceil(seconds / column_s), column_s)

    def place(self, second: TimelineSecond) -> int:
        """Return the column that a second is in."""
        return (second.block - 1) * self.columns + second.second // self.column_s


def latency_heat_map(summary: Summary, details: Distributions) -> Figure:
    """Draw the latency of each second as a colour, a row for each user count, a panel for each strategy.

    It is the p99 where the messages of a second carry one, else the slowest delivery, which is no estimate.
    """
    if not details.timeline:
        raise ChartLeftOutError("timeline.csv, the seconds of each window, is not there")
    users = summary.plan.workload.users
    time = TimeAxis.of(summary.plan.blocks, 1 + max(each.second for each in details.timeline))
    seconds = {
        arm.label: [each for each in details.timeline if each.strategy == arm.label] for arm in summary.plan.arms
    }
    figure_of = P99 if all(is_supported(99, each.messages) for each in details.timeline) else SLOWEST
    grids = {label: _milliseconds(of_arm, users, time, figure_of) for label, of_arm in seconds.items()}
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        _finding(_valid_seconds(summary, seconds), _saturated(summary), figure_of),
        [*_notes(details, time, figure_of), *notes(summary, invalid="Hatched")],
        1,
        (PANEL_WIDTH, max(ROW_HEIGHT * len(users), MIN_HEIGHT / len(grids))),
        rows=len(grids),
        share_y=False,
        beside=BAR_ROOM,
    )
    colours = LatencyColours.covering(np.concatenate(list(grids.values())), summary.plan.slo_ms)
    looks = style.looks(list(grids))
    for axes, (label, latency_ms) in zip(panels, grids.items(), strict=True):
        axes.set_title(label, loc="left", fontsize=12, fontweight="bold", color=looks[label].colour)
        colours.paint(axes, latency_ms)
        _mark(axes, summary, label, seconds[label], time)
        axes.set_yticks(range(len(users)), labels=[f"{count:,}" for count in users])
        axes.set_ylabel("users")
        _scale_time(axes, time)
    panels[-1].set_xlabel("second of the window" if time.blocks == 1 else "the seconds of each block's window")
    colours.draw_bar(figure, panels, figure_of.scale)
    return figure


def _milliseconds(
    seconds: Sequence[TimelineSecond], users: Sequence[int], time: TimeAxis, figure_of: FigureOfSecond
) -> NDArray[np.float64]:
    """Fill a grid of user counts by columns with the worst latency; `nan` where nothing was measured."""
    grid = np.full((len(users), time.blocks * time.columns), np.nan)
    for second in seconds:
        place = users.index(second.users), time.place(second)
        grid[place] = np.fmax(grid[place], or_infinite(figure_of.read(second)))
    return grid


def _mark(axes: Axes, summary: Summary, label: str, seconds: Sequence[TimelineSecond], time: TimeAxis) -> None:
    """Mark seconds that miss deliveries, invalid cells, and what was not measured."""
    users = summary.plan.workload.users
    missing = [(time.place(each), users.index(each.users)) for each in seconds if each.delivered < each.expected]
    middle = (time.columns - 1) / 2
    gaps = [
        ((gap.block - 1) * time.columns + middle, users.index(gap.users))
        for gap in summary.not_measured
        if gap.strategy == label
    ]
    if missing:
        x, y = zip(*missing, strict=True)
        axes.plot(x, y, "o", markersize=4, color="white", markeredgecolor="black", label=f"{label} missing")
    if gaps:
        x, y = zip(*gaps, strict=True)
        axes.plot(x, y, "x", markersize=6, color=style.FAINT, label=f"{label} not measured")
    for cell in summary.cells:
        if cell.strategy == label and not cell.valid:
            corner = (cell.block - 1) * time.columns - 0.5, users.index(cell.users) - 0.5
            axes.add_patch(
                Rectangle(corner, time.columns, 1, fill=False, hatch="////", edgecolor=style.FAINT, linewidth=0)
            )


def _scale_time(axes: Axes, time: TimeAxis) -> None:
    """Name the seconds of a single block, or the blocks of several, with a line between them."""
    axes.set_xlim(-0.5, time.blocks * time.columns - 0.5)
    if time.blocks == 1:
        step = math.ceil(time.columns / 10)
        columns = range(0, time.columns, step)
        axes.set_xticks(columns, labels=[str(column * time.column_s + 1) for column in columns])
        return
    starts = time.columns * np.arange(time.blocks)
    axes.set_xticks(
        starts + (time.columns - 1) / 2, labels=[f"block {number + 1}" for number in range(time.blocks)], fontsize=9.5
    )
    for start in starts[1:]:
        axes.axvline(start - 0.5, color="white", linewidth=4)


def _notes(details: Distributions, time: TimeAxis, figure_of: FigureOfSecond) -> list[str]:
    found = [
        f"Colour: the {figure_of.name} of each second. Rising: saturated, or the p50 rises within the windows (test of "
        f"trend). Uneven: a second is infinite, or the worst p50 is over {UNEVEN:g} times that of the median second."
    ]
    if any(second.delivered < second.expected for second in details.timeline):
        found.append("Dots: seconds with missing deliveries.")
    if time.column_s > 1:
        found.append(f"Each column is the worst of {time.column_s} seconds.")
    return found


def _valid_seconds(summary: Summary, seconds: dict[str, list[TimelineSecond]]) -> dict[str, list[TimelineSecond]]:
    """Leave out the seconds of invalid cells, except for an arm that has no other."""
    invalid = {(cell.strategy, cell.users, cell.block) for cell in summary.cells if not cell.valid}
    return {
        label: [each for each in of_arm if (label, each.users, each.block) not in invalid] or of_arm
        for label, of_arm in seconds.items()
    }


def _saturated(summary: Summary) -> set[Place]:
    """Return the strategies and user counts of which a valid block is saturated."""
    return {(cell.strategy, cell.users) for cell in summary.cells if cell.valid and cell.saturated}


def _finding(seconds: dict[str, list[TimelineSecond]], saturated: set[Place], figure_of: FigureOfSecond) -> str:
    """Say from which user count on a strategy's latency rises or changes within its windows."""
    measured = {label: of_arm for label, of_arm in seconds.items() if of_arm}
    places = sum(len({second.users for second in of_arm}) for of_arm in measured.values())
    rising = {label: _rising_from(label, of_arm, saturated, places) for label, of_arm in measured.items()}
    uneven = {label: _uneven_from(of_arm, figure_of) for label, of_arm in measured.items()}
    even = [label for label in measured if rising[label] is None and uneven[label] is None]
    parts = [f"even with {listing(even)}"] if even else []
    parts += [f"uneven with {label} from {users:,} users" for label, users in uneven.items() if users]
    parts += [f"rising with {label} from {users:,} users" for label, users in rising.items() if users]
    return f"p50 from second to second: {'; '.join(parts)}"


def _rising_from(label: str, seconds: Sequence[TimelineSecond], saturated: set[Place], places: int) -> int | None:
    """Return the fewest users at which the latency rises: a backlog, whatever the median second looks like."""
    for users in sorted({second.users for second in seconds}):
        p50_ms = [np.array([or_infinite(each.p50) for each in block]) for block in _by_block(seconds, users)]
        if (label, users) in saturated or rises(p50_ms, SIGNIFICANCE / places):
            return users
    return None


def _uneven_from(seconds: Sequence[TimelineSecond], figure_of: FigureOfSecond) -> int | None:
    for users in sorted({second.users for second in seconds}):
        ratios = []
        for block in _by_block(seconds, users):
            p50_ms = [or_infinite(each.p50) for each in block]
            has_infinite = any(figure_of.read(each) is None for each in block)
            ratios.append(math.inf if has_infinite else max(p50_ms) / statistics.median(p50_ms))
        if statistics.median(ratios) > UNEVEN:
            return users
    return None


def _by_block(seconds: Sequence[TimelineSecond], users: int) -> list[list[TimelineSecond]]:
    """Return the seconds of each block at one user count, in order."""
    blocks: dict[int, list[TimelineSecond]] = {}
    for second in sorted(seconds, key=lambda each: each.second):
        if second.users == users:
            blocks.setdefault(second.block, []).append(second)
    return list(blocks.values())
