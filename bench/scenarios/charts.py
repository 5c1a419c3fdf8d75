"""The charts that scenarios have: one for each axis that a chart is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from bench.charts import style
from bench.charts.stalled_members import stalled_members
from bench.scenarios.result import ScenarioResult

CHART_OF_AXIS: dict[str, Callable[[ScenarioResult], Figure]] = {"stalled": stalled_members}


def draw_scenario(result: ScenarioResult, directory: Path) -> list[Path]:
    """Draw a scenario into `directory`/charts as PNG and SVG; where nothing was measured there is none."""
    paths = []
    for axis, draw in CHART_OF_AXIS.items():
        if axis in result.axes and any(row.cell for row in result.rows):
            figure = draw(result)
            (directory / "charts").mkdir(exist_ok=True)
            for suffix in ("png", "svg"):
                paths.append(directory / "charts" / f"{draw.__name__}.{suffix}")
                style.save(figure, paths[-1])
    return paths
