"""What a report consists of, whatever it is rendered as."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Tone(StrEnum):
    """How good or bad what is told is."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    cells: tuple[str, ...]
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Table:
    """A table; the columns named in `numbers` are aligned at the right."""

    caption: str
    headings: tuple[str, ...]
    rows: list[Row]
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Chart:
    """A chart on disk: what it found, and what to look at in it."""

    name: str
    finding: str
    caption: str
    svg: Path


@dataclass(frozen=True)
class Remark:
    """A sentence that must not be overlooked."""

    tone: Tone
    text: str


@dataclass(frozen=True)
class Section:
    """A part of a page: text first, then tables, charts, and commands to type."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """The name that links lead to."""
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Page:
    """A report: the verdict, then what must be known of it, then everything behind it."""

    title: str
    subtitle: str
    verdict: list[str]
    remarks: list[Remark]
    sections: list[Section]
