"""How figures are written in pages: wrapped prose, code names, milliseconds, commands."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterable, Sequence

from bench.presentation.markdown import table_in_markdown
from bench.presentation.table import Column, Row, Table, numbers
from bench.presentation.text import milliseconds

PROSE_WIDTH = 100
CODE_WIDTH = 100


def prose(*sentences: str) -> str:
    """Return sentences as one wrapped paragraph."""
    return textwrap.fill(" ".join(filter(None, sentences)), PROSE_WIDTH, break_long_words=False, break_on_hyphens=False)


def code(name: str) -> str:
    """Return a name in backticks."""
    return f"`{name}`"


def ms(value: float | None) -> str:
    """Write milliseconds; what is infinite, or `None`, is `never`."""
    return milliseconds(None if value is None or math.isinf(value) else value)


def table(columns: Iterable[Column | str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a heading by itself is that of a column of numbers."""
    as_columns = tuple(column if isinstance(column, Column) else numbers(column)[0] for column in columns)
    return table_in_markdown(Table("", as_columns, tuple(Row(tuple(row)) for row in rows)))


def shell(*commands: str) -> str:
    """Return commands as a block of code, each over as many lines as it needs."""
    return "\n".join(["```sh", *map(_folded, commands), "```"])


def _folded(command: str) -> str:
    lines = [""]
    for word in shlex.split(command):
        quoted = shlex.quote(word)
        if lines[-1] and len(lines[-1]) + len(quoted) > CODE_WIDTH - 3:
            lines.append(" ")
        lines[-1] += f"{' ' if lines[-1] else ''}{quoted}"
    return " \\\n".join(lines)
