"""What is made for a terminal, in a page."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.presentation.report.page import Row, Table, Tone


def table_in(group: RenderableType, caption: str, tone: Callable[[tuple[str, ...]], Tone]) -> Table:
    """Take the table out of what is printed in a terminal; `tone` judges a row by its cells."""
    assert isinstance(group, Group)
    (table,) = [each for each in group.renderables if isinstance(each, RichTable)]
    headings = tuple(str(column.header) for column in table.columns)
    rows = [tuple(map(str, cells)) for cells in zip(*(column.cells for column in table.columns), strict=True)]
    numbers = frozenset(str(column.header) for column in table.columns if column.justify == "right")
    return Table(caption, headings, [Row(cells, tone(cells)) for cells in rows], numbers)


def texts_in(group: RenderableType) -> list[str]:
    """Take the lines of text out of what is printed in a terminal."""
    assert isinstance(group, Group)
    return [each.plain for each in group.renderables if isinstance(each, Text)]
