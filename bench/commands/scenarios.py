"""The verbs `scenarios`, which lists them, and `run`, which runs one."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.commands.options import ABOVE_0, strategies
from bench.commands.session import answers, kept_in, results_folder, starting
from bench.doctor.examination import examine, tell
from bench.doctor.machine import this_machine
from bench.execution.campaign import report_failure
from bench.execution.environment_reader import read_environment
from bench.execution.interruption import interruptible
from bench.execution.pinning import choose_pinning
from bench.execution.server_process import probe
from bench.model.run import Failure
from bench.presentation.charts.scenario import draw_scenario
from bench.presentation.scenario_answer import scenario_table
from bench.scenarios.result import ScenarioResult
from bench.scenarios.scenario import Scenario, read_scenario, scenario_file, scenario_files
from bench.scenarios.scenario_runner import run_scenario
from bench.storage.files import make_folder

_folder = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with scenarios of your own, beside the built-in ones.",
)


@click.command
@_folder
def scenarios(folder: Path | None) -> None:
    """List the scenarios that `run` knows: what each shows, and what to look at."""
    table = Table(box=SIMPLE, show_header=False, pad_edge=False)
    for path in scenario_files(folder).values():
        scenario = _read(path, {})
        name, shows, look_at = map(escape, (scenario.name, scenario.shows, scenario.look_at))
        table.add_row(f"[bold]{name}[/]", f"{shows}\n[bold]Look at:[/] {look_at}\n")
    answers().print(table)


@click.command
@click.argument("scenario")
@click.option("--strategies", default="direct,queue,gather,coalesced", callback=strategies, help="Each gets every row.")
@click.option("--users", type=click.IntRange(1), help="Users in the room.  [default: the scenario's]")
@click.option("--duration", type=ABOVE_0, help="Seconds of each row's window.  [default: the scenario's]")
@click.option("--blocks", default=1, type=click.IntRange(1), help="How often each row is repeated, in a new order.")
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the order and the schedule.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder.  [default: results/SCENARIO-TIME]"
)
@_folder
def run(
    scenario: str,
    strategies: list[str],
    users: int | None,
    duration: float | None,
    blocks: int,
    seed: int,
    out: Path | None,
    folder: Path | None,
) -> None:
    """Run SCENARIO, a name that `scenarios` lists or the path of a TOML file, with each strategy.

    Exit codes: 0 done and believable, 2 wrong use, 3 a run failed or may not be believed. Slowness, missing deliveries
    and members that are kicked are results, not failures.
    """
    changes = {"users": users, "duration_s": duration}
    chosen = _read(_file(scenario, folder), {name: value for name, value in changes.items() if value is not None})
    console = Console(stderr=True)
    findings = examine(this_machine(max(variation.conditions.users for variation in chosen.variations)))
    tell(findings, console)
    directory = results_folder(out, chosen.name)
    with interruptible() as interruption:
        with starting(console):
            probe(strategies, chosen.variations[0].conditions.notice_limit, interruption)
            make_folder(directory)
        environment = read_environment(choose_pinning(), findings)
        try:
            result = run_scenario(
                chosen,
                _source(scenario, chosen, folder),
                strategies,
                blocks,
                seed,
                environment,
                directory,
                interruption,
                console,
            )
            _show(result, directory, console)
        except OSError as error:
            report_failure(console, "cannot write the results", Failure(f"{error}; {kept_in(directory)}"))
            sys.exit(NOT_BELIEVABLE)
    if interruption.signal_name:
        done = len({row.variation for row in result.rows})
        console.print(
            f"interrupted by {interruption.signal_name}: {done} of {len(chosen.variations)} sets of conditions"
        )
    if interruption.signal_name or not result.believable:
        sys.exit(NOT_BELIEVABLE)


def _read(path: Path, changes: dict[str, object]) -> Scenario:
    try:
        return read_scenario(path, changes)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _file(name: str, folder: Path | None) -> Path:
    try:
        return scenario_file(name, folder)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _source(given: str, scenario: Scenario, folder: Path | None) -> str:
    """Return how to name a scenario to run it again: the name of a built-in one, or the path of another."""
    path = _file(given, folder)
    return scenario.name if path == scenario_files().get(scenario.name) else str(path)


def _show(result: ScenarioResult, directory: Path, console: Console) -> None:
    """Print the table on stdout, draw the chart that belongs to it, and say where everything is."""
    answers().print(scenario_table(result))
    draw_scenario(result, directory)
    console.print(f"results in {directory}", soft_wrap=True)
