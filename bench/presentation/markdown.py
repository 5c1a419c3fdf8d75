"""Tables in GitHub-flavoured Markdown."""

from __future__ import annotations

import html
import re

from bench.presentation.table import Table


def table_in_markdown(table: Table) -> str:
    """Return the lines of a table, without its caption."""
    rules = "".join("---:|" if column.is_number else "---|" for column in table.columns)
    lines = [_line([column.heading for column in table.columns]), f"|{rules}"]
    return "\n".join([*lines, *(_line(row.cells) for row in table.rows)])


def escaped(text: str) -> str:
    """Escape HTML outside of code in backticks, and what would end a cell or a line."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [html.escape(part, quote=False) for part in parts[::2]]
    return "".join(parts).replace("|", "\\|").replace("\n", "<br>")


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "|" + "".join(f" {escaped(cell)} |" if cell else " |" for cell in cells)
