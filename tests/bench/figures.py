"""What can be read from a drawn figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation


def data(axes: Axes, label: str) -> list[tuple[float, float]]:
    """Return the points of the line that bears `label`, or nothing."""
    lines = [line for line in axes.lines if line.get_label() == label]
    assert len(lines) <= 1
    return [
        (float(x), float(y))
        for line in lines
        for x, y in zip(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), strict=True)
    ]


def texts(figure: Figure) -> str:
    title = figure.get_suptitle()
    return "\n".join([title, *(text.get_text() for text in figure.texts)]).replace("\n", " ")


def end_labels(axes: Axes) -> list[Annotation]:
    return [text for text in axes.texts if isinstance(text, Annotation) and text.arrow_patch is not None]


def tick_names(axes: Axes) -> tuple[list[str], list[str]]:
    return [tick.get_text() for tick in axes.get_xticklabels()], [tick.get_text() for tick in axes.get_yticklabels()]
