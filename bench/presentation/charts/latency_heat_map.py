"""Chart: the latency of each second, which shows drifts, bursts and backlogs within a window."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from bench.errors import ChartLeftOutError
from bench.model.summary import Summary, or_infinite
from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.latency_colours import LatencyColours
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.text import listing
from bench.storage.distributions import Distributions, TimelineSecond

COLUMNS = 120  # in all blocks together; in a longer campaign a column is the worst of several seconds
UNEVEN = 2.0  # the worst second's p99 by that of the median second
PANEL_WIDTH, ROW_HEIGHT, MIN_HEIGHT, BAR_ROOM = 8.0, 0.3, 1.8, 0.8  # inches


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
    """Draw the p99 of each second as a colour, a row for each user count, a panel for each strategy."""
    if not details.timeline:
        raise ChartLeftOutError("timeline.csv, the seconds of each window, is not there")
    users = summary.plan.workload.users
    time = TimeAxis.of(summary.plan.blocks, 1 + max(each.second for each in details.timeline))
    seconds = {
        arm.label: [each for each in details.timeline if each.strategy == arm.label] for arm in summary.plan.arms
    }
    grids = {label: _p99_ms(of_arm, users, time) for label, of_arm in seconds.items()}
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        _finding(_valid_seconds(summary, seconds)),
        [*_notes(details, time), *notes(summary, invalid="Hatched")],
        1,
        (PANEL_WIDTH, max(ROW_HEIGHT * len(users), MIN_HEIGHT / len(grids))),
        rows=len(grids),
        share_y=False,
        beside=BAR_ROOM,
    )
    colours = LatencyColours.covering(np.concatenate(list(grids.values())), summary.plan.slo_ms)
    looks = style.looks(list(grids))
    for axes, (label, p99_ms) in zip(panels, grids.items(), strict=True):
        axes.set_title(label, loc="left", fontsize=12, fontweight="bold", color=looks[label].colour)
        colours.paint(axes, p99_ms)
        _mark(axes, summary, label, seconds[label], time)
        axes.set_yticks(range(len(users)), labels=[f"{count:,}" for count in users])
        axes.set_ylabel("users")
        _scale_time(axes, time)
    panels[-1].set_xlabel("second of the window" if time.blocks == 1 else "the seconds of each block's window")
    colours.draw_bar(figure, panels)
    return figure


def _p99_ms(seconds: Sequence[TimelineSecond], users: Sequence[int], time: TimeAxis) -> NDArray[np.float64]:
    """Fill a grid of user counts by columns with the worst p99; `nan` where nothing was measured."""
    grid = np.full((len(users), time.blocks * time.columns), np.nan)
    for second in seconds:
        place = users.index(second.users), time.place(second)
        grid[place] = np.fmax(grid[place], or_infinite(second.p99))
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


def _notes(details: Distributions, time: TimeAxis) -> list[str]:
    found = [f"Uneven: p99 of the worst second is infinite, or more than {UNEVEN:g} times that of the median second."]
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


def _finding(seconds: dict[str, list[TimelineSecond]]) -> str:
    """Say from which user count on a strategy's latency changes within its windows, in the median block."""
    from_users = {label: _uneven_from(of_arm) for label, of_arm in seconds.items() if of_arm}
    even = [label for label, users in from_users.items() if users is None]
    parts = [f"even with {listing(even)}"] if even else []
    parts += [f"uneven with {label} from {users:,} users" for label, users in from_users.items() if users]
    return f"p99 from second to second: {'; '.join(parts)}"


def _uneven_from(seconds: Sequence[TimelineSecond]) -> int | None:
    for users in sorted({second.users for second in seconds}):
        ratios = []
        for block in {second.block for second in seconds if second.users == users}:
            p99_ms = [or_infinite(each.p99) for each in seconds if (each.users, each.block) == (users, block)]
            worst = max(p99_ms)
            ratios.append(worst if worst == math.inf else worst / statistics.median(p99_ms))
        if statistics.median(ratios) > UNEVEN:
            return users
    return None
