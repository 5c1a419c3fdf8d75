"""Charts of a summary, one question a chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from bench.charts import style
from bench.charts.delivered_vs_offered import delivered_vs_offered
from bench.charts.latency_by_users import latency_by_users
from bench.summary import Summary

CHARTS: dict[str, Callable[[Summary], Figure]] = {
    "latency_by_users": latency_by_users,
    "delivered_vs_offered": delivered_vs_offered,
}


def draw_all(summary: Summary, directory: Path) -> list[Path]:
    """Draw every chart into `directory` as PNG and SVG; a summary without a cell has none."""
    if not summary.cells:
        return []
    directory.mkdir(exist_ok=True)
    paths = []
    for name, draw in CHARTS.items():
        figure = draw(summary)
        for suffix in ("png", "svg"):
            path = directory / f"{name}.{suffix}"
            style.save(figure, path)
            paths.append(path)
    return paths
