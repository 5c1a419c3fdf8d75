"""The one model of a table: what the terminal, Markdown and HTML renderers show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Tone(StrEnum):
    """How good or bad something is."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class Column:
    """A column: numbers are aligned at the right, and a column that does not wrap is as wide as its widest cell.

    The column that `shows_tone` is coloured by the tone of its row.
    """

    heading: str = ""
    is_number: bool = False
    wraps: bool = True
    shows_tone: bool = False


@dataclass(frozen=True)
class Row:
    """The cells of a row in the order of the columns; a section begins with a line above it."""

    cells: tuple[str, ...]
    tone: Tone = Tone.PLAIN
    starts_section: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose cells are final texts."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        assert all(len(row.cells) == len(self.columns) for row in self.rows), "a cell for each column"

    @property
    def has_headings(self) -> bool:
        """Whether any column has a heading."""
        return any(column.heading for column in self.columns)

    def captioned(self, caption: str) -> Table:
        """Return the same table under another caption."""
        return replace(self, caption=caption)


@dataclass(frozen=True)
class Answer:
    """What a run found: the answer in full sentences, a table, and remarks on what the table leaves out."""

    sentences: tuple[str, ...]
    table: Table
    remarks: tuple[str, ...] = ()


def numbers(*headings: str, wraps: bool = True) -> tuple[Column, ...]:
    """Return a column of numbers for each heading."""
    return tuple(Column(heading, is_number=True, wraps=wraps) for heading in headings)
