"""Writes the figures of a checkout's pages, or tells which differ from the stored results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.claims.manifest import RESULTS, Manifest
from bench.claims.stored_results import StoredResults
from bench.errors import FiguresError, NoFigureError, NotStoredError, ResultsError
from bench.presentation.figures.markers import blocks, with_blocks
from bench.presentation.figures.registry import figure
from bench.storage.files import write_file


@dataclass(frozen=True, slots=True)
class Block:
    """The figures between two markers of a page.

    `text` is what the stored results give. It is `None` where the campaign `not_stored` has no result yet, and where
    the stored one has no valid figure, for the reason `no_figure`.
    """

    page: Path
    name: str
    written: str
    text: str | None
    not_stored: str = ""
    no_figure: str = ""

    @property
    def differs(self) -> bool:
        """Whether the page says something else than the stored results."""
        return self.text is not None and self.text != self.written


def pages(root: Path) -> list[Path]:
    """Return the pages of a checkout that may have figures: README.md and docs/*.md."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def read_blocks(root: Path, manifest: Manifest) -> list[Block]:
    """Return the figures of all pages, with what the stored results give.

    Raises:
        FiguresError: a marker or a name is wrong, or a stored result is damaged.

    """
    results = StoredResults(root / RESULTS)
    return [block for page in pages(root) for block in _blocks(page, str(page.relative_to(root)), results, manifest)]


def _blocks(page: Path, where: str, results: StoredResults, manifest: Manifest) -> Iterator[Block]:
    for name, written in blocks(_read(page), where).items():
        try:
            yield Block(page, name, written, figure(name, results, manifest))
        except NotStoredError as error:
            yield Block(page, name, written, None, error.campaign)
        except NoFigureError as error:
            yield Block(page, name, written, None, no_figure=str(error))
        except (FiguresError, ResultsError) as error:
            raise FiguresError(f"{where}: figures {name!r}: {error}") from error


def write_blocks(found: list[Block]) -> list[Path]:
    """Write what differs into its pages, and return these."""
    changed = list(dict.fromkeys(block.page for block in found if block.differs))
    for page in changed:
        texts = {block.name: block.text for block in found if block.page == page}
        write_file(page, with_blocks(_read(page), texts.get).encode())
    return changed


def _read(page: Path) -> str:
    try:
        return page.read_text()
    except OSError as error:
        raise FiguresError(f"cannot read {page}: {error.strerror}; give a checkout of the project (--root)") from error
