"""The points of a chart with what they say, for pages that show figures on hover and with the keyboard."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter

DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"
INVALID = " invalid"
VALUES_ACROSS = "values across"
"""The id of axes whose values are along x; their rows have names."""
NO_MARKER = ("None", "none", "", " ", "x")
"""Points without one are no figures; a cross is what was not measured."""


class ChartPoint(msgspec.Struct, frozen=True, array_like=True):
    """A point at `x` and `y`, in thousandths of the chart's width and height from its upper left corner."""

    x: float
    y: float
    text: str


def points_of(figure: Figure) -> list[ChartPoint]:
    """Return all points that are drawn with a marker; the figure must have its final limits."""
    width, height = figure.bbox.width, figure.bbox.height
    return [
        ChartPoint(round(float(1000 * x / width), 1), round(float(1000 - 1000 * y / height), 1), text)
        for axes in figure.axes
        for x, y, text in _of_axes(axes, _first_name(figure, Axes.get_xlabel), _first_name(figure, Axes.get_ylabel))
    ]


def described(points: list[ChartPoint]) -> str:
    """Write points as a chart's file holds them."""
    return msgspec.json.encode(points).decode()


def read_points(svg: Path) -> list[ChartPoint]:
    """Read the points that a chart was saved with; older ones have none."""
    found = ElementTree.parse(svg).find(DESCRIPTION)  # noqa: S314 - a file of our own
    return msgspec.json.decode(found.text or "[]", type=list[ChartPoint]) if found is not None else []


def _first_name(figure: Figure, read: Callable[[Axes], str]) -> str:
    """Return the name of an axis that panels share, which only one of them may show."""
    return next(filter(None, map(read, figure.axes)), "")


def _of_axes(axes: Axes, shared_x: str, shared_y: str) -> Iterator[tuple[float, float, str]]:
    title, x_name, y_name = axes.get_title(loc="left"), axes.get_xlabel() or shared_x, axes.get_ylabel() or shared_y
    _, _, unit = y_name.rpartition(", ")
    what = title if not unit or ", " in title else f"{title or y_name.removesuffix(f', {unit}')}, {unit}"
    x_ticks, y_ticks = _ticks(axes.xaxis), _ticks(axes.yaxis)
    invalid = {place for line in _lines(axes) if _label(line).endswith(INVALID) for place in _places(line)}
    for line in _lines(axes):
        if _label(line).endswith(INVALID):
            continue
        for x, y in _places(line):
            across, up = axes.transData.transform((x, y))
            mark = ", invalid" if (x, y) in invalid else ""
            if axes.get_gid() == VALUES_ACROSS:
                said = f"{title}: {x_name} {_written(x, x_ticks)}"
            else:
                said = f"{x_name} {_written(x, x_ticks)}: {what} {_written(y, y_ticks)}"
            yield across, up, f"{_label(line)}, {said}{mark}"


def _lines(axes: Axes) -> list[Line2D]:
    return [
        each for each in axes.get_lines() if each.get_marker() not in NO_MARKER and not _label(each).startswith("_")
    ]


def _label(line: Line2D) -> str:
    return str(line.get_label())


def _places(line: Line2D) -> list[tuple[float, float]]:
    places = np.asarray(line.get_xydata(), np.float64).tolist()
    return [(x, y) for x, y in places if math.isfinite(x) and math.isfinite(y)]


def _ticks(axis: Axis) -> dict[float, str]:
    """Return the words that stand at ticks, such as `never`."""
    formatter = axis.get_major_formatter()
    if not isinstance(formatter, FixedFormatter):
        return {}
    return {float(place): label for place, label in zip(axis.get_majorticklocs(), formatter.seq, strict=False) if label}


def _written(value: float, ticks: dict[float, str]) -> str:
    """Write a value as the tick that stands there, or else with three digits."""
    return ticks.get(value) or (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")
