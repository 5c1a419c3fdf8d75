"""Latencies as colours: ranges in steps of 1, 2, 5, with the SLO between two of them and black for never."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.presentation.charts.parts import style

NEVER_COLOUR = "#000000"
BAR_GAP, BAR_WIDTH = 0.25, 0.18  # inches


@dataclass(frozen=True)
class LatencyColours:
    """A colour for each range between two `bounds_ms`, the later the darker; values may be infinite."""

    bounds_ms: list[float]
    slo_ms: float
    has_never: bool

    @classmethod
    def covering(cls, values_ms: NDArray[np.float64], slo_ms: float) -> LatencyColours:
        """Choose bounds around all finite values and the SLO."""
        finite = [*values_ms[np.isfinite(values_ms)].tolist(), slo_ms]
        first, last = math.floor(math.log10(min(finite))), math.ceil(math.log10(max(finite)))
        steps = [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]
        low = max(step for step in steps if step <= min(finite))
        high = min(step for step in steps if step >= max(finite))
        inner = [step for step in steps if low < step < high and not 1 / 1.5 < step / slo_ms < 1.5]
        return cls(sorted({low, *inner, slo_ms, high}), slo_ms, bool(np.isinf(values_ms).any()))

    def paint(self, axes: Axes, values_ms: NDArray[np.float64]) -> None:
        """Paint a grid, cells centred on whole numbers; what is `nan` stays blank."""
        rows, columns = values_ms.shape
        axes.pcolormesh(
            np.arange(columns + 1) - 0.5,
            np.arange(rows + 1) - 0.5,
            np.ma.masked_invalid(np.minimum(values_ms, self._edges[-1])),
            cmap=self._colours,
            norm=BoundaryNorm(self._edges, self._colours.N),
            edgecolors="white",
            linewidth=0.5,
        )
        axes.grid(False)

    def draw_bar(self, figure: Figure, panels: Sequence[Axes], title: str) -> None:
        """Draw the scale right of the panels."""
        width = figure.get_figwidth()
        top, bottom = panels[0].get_position(), panels[-1].get_position()
        axes = figure.add_axes((top.x1 + BAR_GAP / width, bottom.y0, BAR_WIDTH / width, top.y1 - bottom.y0))
        ranges = len(self._edges) - 1
        axes.pcolormesh([0, 1], range(ranges + 1), np.arange(ranges)[:, None], cmap=self._colours)
        names: dict[float, str] = {place: style.plain(bound) for place, bound in enumerate(self.bounds_ms)}
        names[self.bounds_ms.index(self.slo_ms)] += " SLO"
        if self.has_never:
            names[ranges - 0.5] = "never"
        axes.set_yticks(list(names), labels=list(names.values()))
        axes.set_xticks([])
        axes.tick_params(length=0, labelleft=False, labelright=True, labelcolor=style.INK)
        axes.axhline(self.bounds_ms.index(self.slo_ms), color=style.INK, linewidth=1.5)
        axes.spines[:].set_visible(False)
        axes.set_title(title, loc="left", fontsize=10, pad=10)

    @property
    def _edges(self) -> list[float]:
        return [*self.bounds_ms, 2 * self.bounds_ms[-1]] if self.has_never else self.bounds_ms

    @property
    def _colours(self) -> ListedColormap:
        shades = mpl.colormaps["YlOrBr"](np.linspace(0.08, 0.9, len(self.bounds_ms) - 1))
        return ListedColormap([*map(tuple, shades), *[NEVER_COLOUR] * self.has_never])
