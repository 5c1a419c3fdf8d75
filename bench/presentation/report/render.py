"""A page as one self-contained HTML file, and as Markdown."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from bench.presentation.charts.parts.points import ChartPoint, read_points
from bench.presentation.markdown import table_in_markdown
from bench.presentation.report.page import Page

RIGHT_PART = 600
"""Beyond this many thousandths of a chart's width the text of a point stands left of it."""
_TEMPLATES = Environment(
    loader=PackageLoader("bench.presentation.report"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(page: Page) -> str:
    """Return one file that needs no other, asks the network for nothing, and holds no script.

    Charts are images in data URIs; their text is drawn as paths, so that it looks the same everywhere, and cannot be
    selected. What a chart shows is its alternative text, and its points say their figures on hover and focus.
    """
    points = {chart.name: read_points(chart.svg) for section in page.sections for chart in section.charts}
    style = _TEMPLATES.get_template("report.css").render() + "".join(_places(points))
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _TEMPLATES.get_template("report.html").render(
        page=page,
        points=points,
        style=Markup(style),  # noqa: S704 - of our own
        style_hash=style_hash,
    )


def to_markdown(page: Page) -> str:
    """Return GitHub-flavoured Markdown that shows the charts from the folder beside it."""
    return _TEMPLATES.get_template("report.md").render(page=page)


def _places(points: Mapping[str, Sequence[ChartPoint]]) -> Iterator[str]:
    """Yield a rule of the style sheet for each point: attributes with styles would need a weaker policy."""
    for name, of_chart in points.items():
        for number, point in enumerate(of_chart, 1):
            yield f"#{name}-{number}{{left:{point.x / 10:g}%;top:{point.y / 10:g}%}}"
            if point.x > RIGHT_PART:
                yield f"#{name}-{number}::after{{left:auto;right:1.2rem}}"


def _in_html(text: str) -> Markup:
    """Escape for HTML, keep line breaks, and set apart what stands in backticks."""
    escaped = str(escape(text)).replace("\n", "<br>")
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))  # noqa: S704 - escaped right here


def _data_uri(svg: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.read_bytes()).decode()}"


_TEMPLATES.filters |= {"text": _in_html, "data_uri": _data_uri, "markdown": table_in_markdown}
