"""Charts on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from bench.presentation.charts.parts import style


@dataclass(frozen=True)
class SavedChart:
    """A chart as PNG and SVG; `finding` is what its title says."""

    name: str
    finding: str
    png: Path
    svg: Path


def save_chart(figure: Figure, name: str, directory: Path) -> SavedChart:
    """Write a chart into `directory`, which is made if it is not there."""
    directory.mkdir(exist_ok=True)
    finding = figure.get_suptitle().replace("\n", " ")
    saved = SavedChart(name, finding, directory / f"{name}.png", directory / f"{name}.svg")
    style.save(figure, saved.png)
    style.save(figure, saved.svg)
    return saved
