"""A page as one self-contained HTML file, and as Markdown."""

from __future__ import annotations

import base64
import hashlib
import re

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from bench.presentation.report.page import Chart, Page
from bench.presentation.report.svg import inline

_TEMPLATES = Environment(
    loader=PackageLoader("bench.presentation.report"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _in_code(text: str) -> Markup:
    """Escape for HTML, and set apart what stands in backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped right here


def _in_cell(text: str) -> str:
    """Keep a text within its cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


_TEMPLATES.filters |= {"code": _in_code, "cell": _in_cell}


def to_html(page: Page) -> str:
    """Return one file that needs no other, asks the network for nothing, and holds no script."""
    style = _TEMPLATES.get_template("report.css").render()
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _TEMPLATES.get_template("report.html").render(page=page, style_hash=style_hash, svg=_svg)


def to_markdown(page: Page) -> str:
    """Return GitHub-flavoured Markdown that shows the charts from the folder beside it."""
    return _TEMPLATES.get_template("report.md").render(page=page)


def _svg(chart: Chart) -> Markup:
    return Markup(inline(chart.svg.read_text(), chart.name))  # noqa: S704 - matplotlib escaped what is in it
