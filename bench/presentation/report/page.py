"""What a report consists of, whatever it is rendered as."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.presentation.table import Table, Tone


@dataclass(frozen=True)
class Chart:
    """A chart on disk: what it shows, and what to look at in it."""

    name: str
    finding: str
    caption: str
    svg: Path


@dataclass(frozen=True)
class Remark:
    """A sentence beside the verdict."""

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
    """A report: the verdict, the remarks on it, and the sections with the evidence."""

    title: str
    subtitle: str
    verdict: list[str]
    remarks: list[Remark]
    sections: list[Section]
