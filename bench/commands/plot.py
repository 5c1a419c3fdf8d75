"""The subcommand `plot`: the charts of a campaign, drawn again."""

from __future__ import annotations

from pathlib import Path

import click

from bench.capacity.result import FILE as CAPACITY
from bench.presentation.charts.gallery import draw_all
from bench.scenarios.result import FILE as SCENARIO
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.distributions import read_distributions

OTHERS = {CAPACITY: "a capacity search", SCENARIO: "a scenario"}


@click.command
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def plot(directory: Path) -> None:
    """Draw the charts again from the results in DIRECTORY."""
    for file, what in OTHERS.items():
        if (directory / file).exists():
            raise click.UsageError(f"{directory} holds {what}; `python -m bench report {directory}` draws its chart")
    store = CampaignFolder(directory)
    try:
        summary = store.read_summary()
        details = read_distributions(directory, summary.cells)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        gallery = draw_all(summary, details, store.charts)
    except OSError as error:
        raise click.UsageError(f"the charts cannot be written: {error}; copy the folder to where they can") from error
    for chart in gallery.drawn:
        click.echo(f"{chart.png}\n{chart.svg}")
    for name, reason in gallery.left_out.items():
        click.echo(f"left out: {name}: {reason}", err=True)
