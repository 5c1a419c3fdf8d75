"""The subcommand `report`: one page from the results in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bench.capacity.result import FILE as CAPACITY
from bench.errors import ResultsError
from bench.presentation.report.campaign import campaign_page
from bench.presentation.report.capacity import capacity_page
from bench.presentation.report.page import Page
from bench.presentation.report.render import to_html, to_markdown
from bench.presentation.report.scenario import scenario_page
from bench.presentation.text import listing
from bench.scenarios.result import FILE as SCENARIO

PAGES: dict[str, Callable[[Path], Page]] = {
    CAPACITY: capacity_page,
    SCENARIO: scenario_page,
    "summary.json": campaign_page,
}


@click.command
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
def report(directory: Path) -> None:
    """Write report.html and report.md from what `compare`, `capacity` or `run` left in DIRECTORY.

    The page needs no other file and no network. The charts are drawn again, into DIRECTORY/charts.
    """
    try:
        for path in write_report(directory):
            click.echo(path)
    except ResultsError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"the report cannot be written: {error}; copy the folder to where it can") from error


def write_report(directory: Path) -> list[Path]:
    """Write the report of a folder's results, and return its files.

    Raises:
        ResultsError: there are no results with a report, or they are damaged.

    """
    page = _page(directory)
    texts = {directory / "report.html": to_html(page), directory / "report.md": to_markdown(page)}
    for path, text in texts.items():
        path.write_text(text)
    return [*texts]


def has_report(directory: Path) -> bool:
    """Whether a folder has results that a report is made of."""
    return any((directory / name).exists() for name in PAGES)


def _page(directory: Path) -> Page:
    whole = directory.resolve().parent
    if (whole / SCENARIO).exists():  # its campaign alone does not say what disturbed it
        raise ResultsError(f"{directory} is one set of conditions of a scenario; give the whole one, {whole}")
    for name, read in PAGES.items():
        if (directory / name).exists():
            return read(directory)
    raise ResultsError(
        f"{directory} has no {listing([*PAGES]).replace(' and ', ' or ')}; give a folder that `compare`, `capacity` or "
        "`run` wrote"
    )
