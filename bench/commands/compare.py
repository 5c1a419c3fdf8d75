"""The verb `compare`: runs a campaign, or goes on with one that ended early."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource
from rich.console import Console

from bench.analysis.environment_diff import machine_differences, software_differences
from bench.analysis.live_summary import LiveSummary
from bench.analysis.slo import listing
from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.commands.options import ABOVE_0, rivals, strategies, user_counts, workload_options
from bench.commands.session import answers, results_folder, starting
from bench.doctor.examination import examine, tell
from bench.doctor.machine import this_machine
from bench.errors import FolderInUseError
from bench.execution.campaign import earlier_runs, report_failure, run_campaign
from bench.execution.environment_reader import read_environment
from bench.execution.interruption import interruptible
from bench.execution.pinning import choose_pinning
from bench.execution.server_process import probe
from bench.model.environment import Environment
from bench.model.finding import Finding, Status
from bench.model.plan import Plan, Workload, make_plan
from bench.model.run import Failure
from bench.model.summary import Summary
from bench.presentation.charts import draw_all
from bench.presentation.comparison_answer import answer_table
from bench.storage.campaign_folder import Store
from bench.storage.distributions import Details, read_details

OF_RESUMING = ("resume", "allow_different_environment")


@click.command
@click.option(
    "--strategies",
    default="direct,queue,gather,coalesced",
    callback=strategies,
    help="One named twice is set against itself.",
)
@click.option(
    "--rival",
    "rivals",
    multiple=True,
    metavar="NAME=COMMAND",
    callback=rivals,
    help="Another chat server beside them, as in 'mine=python app.py {port}': WS /chat?user_id=NAME on 127.0.0.1.",
)
@click.option("--users", default="50,100,200,400,800", callback=user_counts, help="User counts, swept upwards.")
@click.option("--room-rate", default=100.0, type=ABOVE_0, help="Messages/s, all users together.")
@workload_options
@click.option("--blocks", default=1, type=click.IntRange(1), help="How often everything is repeated, in a new order.")
@click.option("--slo-ms", default=50.0, type=ABOVE_0, help="The objective: p99 of the delivery latency.")
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the order and the schedule.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder.  [default: results/compare-TIME]",
)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Go on with the campaign in this folder, by its own plan: no other flags.",
)
@click.option(
    "--allow-different-environment",
    is_flag=True,
    help="Resume although the machine or a version is another; the results then say so.",
)
@click.pass_context
def compare(
    context: click.Context,
    /,
    strategies: list[str],
    rivals: dict[str, str],
    blocks: int,
    slo_ms: float,
    seed: int,
    out: Path | None,
    resume: Path | None,
    allow_different_environment: bool,
    **workload: Any,
) -> None:
    """Compare strategies while the user count grows.

    Each gets a fresh server and the same swarm. What ends early (Ctrl-C, a crash, a full disk) keeps its finished
    trials, and --resume DIR does the rest. Exit codes: 0 done and believable, 2 wrong use, 3 a run
    failed or may not be believed. Slowness and missing deliveries are results, not failures.
    """
    if allow_different_environment and not resume:
        raise click.UsageError("--allow-different-environment is about --resume; give both")
    if both := sorted(rivals.keys() & set(strategies)):
        raise click.BadParameter(
            f"{both[0]!r} is a strategy here; give the rival a name of its own", param_hint="--rival"
        )
    console = Console(stderr=True)
    if resume:
        _refuse_other_flags(context, resume)
        store, plan, then = _stored(resume)
    else:
        store = Store(results_folder(out, "compare"))
        plan, then = make_plan(Workload(**workload), strategies, blocks, slo_ms, seed, rivals), None
    findings = examine(this_machine(max(plan.workload.users)))
    environment = read_environment(choose_pinning(), findings)
    if then:
        environment = _go_on(then, environment, allow_different_environment)
    tell(findings, console)
    with interruptible() as interruption:
        with starting(console):
            ours = [arm.strategy for arm in plan.arms if arm.command is None]
            commands = [arm.command for arm in plan.arms if arm.command is not None]
            probe(ours, plan.workload.notice_limit, interruption, commands)
            if not resume:
                store.create()
        try:
            with store.locked():
                earlier = earlier_runs(plan, store, console)
                live = LiveSummary(plan, environment, store)
                run_campaign(plan, environment, store, interruption, console, earlier, on_runs=live.update)
                summary = live.summary
                _show(summary, store, console)
        except FolderInUseError as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            what = f"{error}; what was written is kept, and {_resume_command(store)} goes on with it"
            report_failure(console, "cannot write the results", Failure(what))
            sys.exit(NOT_BELIEVABLE)
    if not summary.believable:
        sys.exit(NOT_BELIEVABLE)


def _refuse_other_flags(context: click.Context, resume: Path) -> None:
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in OF_RESUMING
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"--resume goes on with the plan in {resume}, so {listing(given)} cannot be changed; "
            "leave that out, or begin a new campaign without --resume"
        )


def _stored(directory: Path) -> tuple[Store, Plan, Environment]:
    store, hint = Store(directory.resolve()), "--resume"
    try:
        stored = store.read_plan()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=hint) from error
    if not store.runs.exists():
        raise click.BadParameter(
            f"{directory} was passed on without its runs/; resume it where it was run", param_hint=hint
        )
    if not os.access(directory, os.W_OK):
        raise click.BadParameter(f"{directory} cannot be written to; copy it to where it can", param_hint=hint)
    return store, stored.plan, stored.environment


def _go_on(then: Environment, now: Environment, allow_different: bool) -> Environment:
    """Return the environment that a resumed campaign is stored with: its first one, and in what today's differs."""
    differences = [*machine_differences(then, now), *software_differences(then, now)]
    if not differences:
        return then
    if not allow_different:
        raise click.UsageError(
            "what is resumed must run where, and on what, it was begun; now differ:\n  "
            + "\n  ".join(differences)
            + "\nundo that, begin a new campaign, or give --allow-different-environment"
        )
    finding = Finding(
        name="resumed elsewhere",
        status=Status.PROBLEM,
        found="; ".join(differences),
        effect="blocks of one campaign were run in different environments: what sets them apart may be just that",
        remedy="run the whole campaign in one environment",
    )
    return msgspec.structs.replace(then, pinning=now.pinning, findings=(finding, *then.findings))


def _show(summary: Summary, store: Store, console: Console) -> None:
    """Print the answer on stdout, draw the charts, and say where everything is and what is left to do."""
    answers().print(answer_table(summary))
    gallery = draw_all(summary, _details(summary, store, console), store.charts)
    console.print(f"results in {store.directory}" + ("" if gallery.drawn else "; no cell, so no chart"), soft_wrap=True)
    if summary.failures:
        trials = f"{len(summary.failures)} of {len(summary.plan.trials)} trials"
        console.print(f"{trials} did not get to their end: {_resume_command(store)} runs them", soft_wrap=True)


def _details(summary: Summary, store: Store, console: Console) -> Details:
    """Read what some charts need more; a file that an earlier attempt left damaged costs only these charts."""
    try:
        return read_details(store.directory, summary.plan)
    except ValueError as error:
        report_failure(console, "some charts are left out", Failure(str(error)))
        return Details()


def _resume_command(store: Store) -> str:
    return f"`python -m bench compare --resume {store.directory}`"
