"""The charts of a scenario: one for each axis that a chart is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from bench.presentation.charts.parts.saved import SavedChart, save_chart
from bench.presentation.charts.stalled_members import stalled_members
from bench.scenarios.result import ScenarioResult

# A chart is about the one axis of its scenario: with another one, its points would be of different conditions.
CHART_OF_AXIS: dict[str, Callable[[ScenarioResult], Figure]] = {"stalled": stalled_members}


def draw_scenario(result: ScenarioResult, directory: Path) -> list[SavedChart]:
    """Draw the charts of a scenario into `directory`; where nothing was measured there is none."""
    if not any(row.cell for row in result.rows):
        return []
    return [
        save_chart(draw(result), draw.__name__, directory)
        for axis, draw in CHART_OF_AXIS.items()
        if result.axes == (axis,)
    ]
