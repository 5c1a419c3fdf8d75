"""The verbs of the bench's command line."""

from __future__ import annotations

from pathlib import Path

import click

from bench.capacity.result import FILE as CAPACITY
from bench.commands.capacity import capacity
from bench.commands.compare import compare
from bench.commands.connections import connections
from bench.commands.cross_check import command as second_opinion
from bench.commands.doctor import doctor
from bench.commands.gate import gate
from bench.commands.report import report
from bench.commands.scenarios import run, scenarios
from bench.commands.selftest import command as selftest
from bench.presentation.charts import draw_all
from bench.scenarios.result import FILE as SCENARIO
from bench.storage.campaign_folder import Store
from bench.storage.distributions import read_details

OTHERS = {CAPACITY: "a capacity search", SCENARIO: "a scenario"}


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Compare how chatroom servers spread messages while the room grows."""


@main.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def plot(directory: Path) -> None:
    """Draw the charts again from the results in DIRECTORY."""
    for file, what in OTHERS.items():
        if (directory / file).exists():
            raise click.UsageError(f"{directory} holds {what}; `python -m bench report {directory}` draws its chart")
    store = Store(directory)
    try:
        summary = store.read_summary()
        details = read_details(directory, summary.plan)
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


for _verb in (compare, capacity, scenarios, run, report, gate, doctor, connections, second_opinion, selftest):
    main.add_command(_verb)
