"""The charts that scenarios have: one for each axis that a chart is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from bench.presentation.charts import style
from bench.presentation.charts.stalled_members import stalled_members
from bench.scenarios.result import ScenarioResult

# A chart is about the one axis of its scenario: with another one, its points would be of different conditions.
CHART_OF_AXIS: dict[str, Callable[[ScenarioResult], Figure]] = {"stalled": stalled_members}


def draw_scenario(result: ScenarioResult, directory: Path) -> list[Path]:
    """Draw a scenario into `directory`/charts as PNG and SVG; where nothing was measured there is none."""
    paths = []
    for draw in charts_of(result):
        figure = draw(result)
        (directory / "charts").mkdir(exist_ok=True)
        for suffix in ("png", "svg"):
            paths.append(directory / "charts" / f"{draw.__name__}.{suffix}")
            style.save(figure, paths[-1])
    return paths


def charts_of(result: ScenarioResult) -> list[Callable[[ScenarioResult], Figure]]:
    """Return what draws the charts of a scenario; nothing where nothing was measured."""
    is_measured = any(row.cell for row in result.rows)
    return [draw for axis, draw in CHART_OF_AXIS.items() if is_measured and result.axes == (axis,)]
