"""The subcommand `scenarios`: lists what `run` can run."""

from __future__ import annotations

from pathlib import Path

import click

from bench.commands.options import scenario_folder
from bench.commands.session import answers
from bench.errors import ScenarioError
from bench.presentation.scenario_answer import scenario_list
from bench.presentation.terminal import table_in_terminal
from bench.scenarios.scenario import read_scenario, scenario_files


@click.command
@scenario_folder
def scenarios(folder: Path | None) -> None:
    """List the scenarios that `run` knows: what each shows, and what to look at."""
    try:
        known = [read_scenario(path) for path in scenario_files(folder).values()]
    except ScenarioError as error:
        raise click.UsageError(str(error)) from error
    answers().print(table_in_terminal(scenario_list(known)))
