"""Charts on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from matplotlib.figure import Figure

from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.points import described, points_of

TITLE = "svg:metadata/rdf:RDF/cc:Work/dc:title"
NAMESPACES = {
    "svg": "http://www.w3.org/2000/svg",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
}


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
    points = described(points_of(figure))
    style.save(figure, saved.png, finding, points)
    style.save(figure, saved.svg, finding, points)
    return saved


def read_chart(name: str, directory: Path) -> SavedChart | None:
    """Return a chart that was saved before, with the finding that is in its SVG; `None` if there is none."""
    png, svg = directory / f"{name}.png", directory / f"{name}.svg"
    if not (png.exists() and svg.exists()):
        return None
    title = ElementTree.parse(svg).find(TITLE, NAMESPACES)  # noqa: S314 - a file of our own
    return SavedChart(name, title.text or "", png, svg) if title is not None else None
