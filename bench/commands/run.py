"""The subcommand `run`: runs a scenario."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from bench.commands.options import ABOVE_0, scenario_folder
from bench.commands.server_options import peer_options, revision_option
from bench.commands.session import Session, answers, exit_with, kept_in, results_folder, running
from bench.commands.strategies import own_strategies, strategies_option
from bench.errors import ScenarioError
from bench.execution.arm_server import probe
from bench.execution.worktrees import checked_out
from bench.model.plan import Arm, make_plan
from bench.model.revision import Revision
from bench.presentation.scenario_answer import scenario_answer
from bench.presentation.terminal import answer_in_terminal
from bench.scenarios.result import ScenarioResult
from bench.scenarios.scenario import Scenario, read_scenario, scenario_file, scenario_files
from bench.scenarios.scenario_runner import run_scenario
from bench.storage.files import make_folder


@click.command
@click.argument("scenario")
@strategies_option("Each gets every row; 'none' leaves them out where a --rival is given.")
@peer_options
@revision_option
@click.option("--users", type=click.IntRange(1), help="Users in the room.  [default: the scenario's]")
@click.option("--duration", type=ABOVE_0, help="Seconds of each row's window.  [default: the scenario's]")
@click.option(
    "--blocks", default=1, type=click.IntRange(1, 1000), help="How often each row is repeated, in a new order."
)
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the order and the schedule.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder.  [default: results/SCENARIO-TIME]"
)
@scenario_folder
def run(
    scenario: str,
    strategies: list[str],
    peers: list[Arm],
    revisions: list[Revision],
    users: int | None,
    duration: float | None,
    blocks: int,
    seed: int,
    out: Path | None,
    folder: Path | None,
) -> None:
    """Run SCENARIO, a name that `scenarios` lists or the path of a TOML file, with each strategy.

    With --revision each is run at every revision, as by `compare`. Exit codes: 0 done and valid, 2 wrong use, 3 a run
    failed or is invalid. Slowness, missing deliveries and members that are kicked are results, not failures.
    """
    changes = {"users": users, "duration_s": duration}
    try:
        path = scenario_file(scenario, folder)
        chosen = read_scenario(path, {name: value for name, value in changes.items() if value is not None})
    except ScenarioError as error:
        raise click.UsageError(str(error)) from error
    own = own_strategies(strategies, peers, has_revisions=bool(revisions))
    if peers and any(each.conditions.freeze_at_s or each.conditions.kill_at_s for each in chosen.variations):
        raise click.BadParameter(
            f"{chosen.name!r} stops or kills the server, and only a server of this project; leave the others out",
            param_hint="--rival, --target or --stacks",
        )
    directory = results_folder(out, chosen.name)
    with running(max(each.conditions.users for each in chosen.variations)) as session, ExitStack() as stack:
        with session.starting():
            first = chosen.variations[0].conditions
            arms = make_plan(first.workload, own, 1, first.slo_ms, seed, peers, revisions).arms
            checkouts = stack.enter_context(checked_out(arm.revision for arm in arms if arm.revision is not None))
            probe(arms, first.notice_limit, session.interruption, checkouts, session.print)
            make_folder(directory)
        environment = session.environment()
        with session.writing(kept_in(directory)):
            result = run_scenario(
                chosen,
                _source(path, chosen),
                own,
                peers,
                blocks,
                seed,
                environment,
                directory,
                session.interruption,
                session.console,
                revisions,
                checkouts,
            )
            answers().print(answer_in_terminal(scenario_answer(result)))
            from bench.presentation.charts.scenario import draw_scenario  # here, as it takes a second to load

            draw_scenario(result, directory / "charts")
            session.print(f"results in {directory}")
    _print_interruption(result, len(chosen.variations), session)
    exit_with(is_valid=result.valid and not session.is_interrupted)


def _source(path: Path, scenario: Scenario) -> str:
    """Return how to name a scenario to run it again: the name of a built-in one, or the path of another."""
    return scenario.name if path == scenario_files().get(scenario.name) else str(path)


def _print_interruption(result: ScenarioResult, planned: int, session: Session) -> None:
    if session.is_interrupted:
        done = len({row.variation for row in result.rows})
        session.print(f"interrupted by {session.interruption.signal_name}: {done} of {planned} sets of conditions")
