"""The subcommand `compare`: runs a campaign, or resumes one that ended early."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from bench.analysis.live_summary import LiveSummary
from bench.analysis.validity import invalid_users
from bench.commands.options import ABOVE_0, check_rooms, room_counts, user_counts, workload_options
from bench.commands.resume import refuse_other_flags, resumed_environment, stored_campaign
from bench.commands.server_options import peer_options, revision_option
from bench.commands.session import Session, answers, exit_with, results_folder, running
from bench.commands.strategies import own_strategies, strategies_option
from bench.execution.arm_server import probe
from bench.execution.campaign import earlier_runs, report_failure, run_campaign
from bench.execution.worktrees import checked_out
from bench.model.percentile import Percentile
from bench.model.plan import Arm, Trial, Workload, make_plan
from bench.model.revision import Revision
from bench.model.run import Failure
from bench.model.summary import Summary
from bench.presentation.comparison_answer import comparison_answer
from bench.presentation.terminal import answer_in_terminal
from bench.presentation.text import counted
from bench.presentation.window_wording import too_few_messages
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.distributions import Distributions, read_distributions


@click.command
@strategies_option("One named twice is compared with itself; 'none' leaves them out where a --rival is given.")
@peer_options
@revision_option
@click.option("--users", default="50,200,400,800", callback=user_counts, help="User counts, swept upwards.")
@click.option(
    "--rooms",
    default="1",
    callback=room_counts,
    help="Rooms that the users are dealt out to; several numbers, as in 1,10,100, are compared.",
)
@click.option("--room-rate", default=100.0, type=ABOVE_0, help="Messages/s of each room, all its users together.")
@click.option("--duration", "duration_s", default=10.0, type=ABOVE_0, help="Seconds of each window.")
@workload_options
@click.option(
    "--blocks", default=1, type=click.IntRange(1, 1000), help="How often everything is repeated, in a new order."
)
@click.option("--slo-ms", default=50.0, type=ABOVE_0, help="The SLO: p99 of the delivery latency.")
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the order and the schedule.")
@click.option(
    "--retries",
    default=2,
    type=click.IntRange(0),
    help="How often an invalid cell is measured again, at the end of its block.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder.  [default: results/compare-TIME]",
)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Continue the campaign in this folder by its own plan, without other flags.",
)
@click.option(
    "--allow-different-environment",
    is_flag=True,
    help="Resume although the machine or a version differs; the results then say so.",
)
@click.pass_context
def compare(
    context: click.Context,
    /,
    strategies: list[str],
    peers: list[Arm],
    revisions: list[Revision],
    rooms: tuple[int, ...],
    blocks: int,
    slo_ms: float,
    seed: int,
    retries: int,
    out: Path | None,
    resume: Path | None,
    allow_different_environment: bool,
    **workload: Any,
) -> None:
    """Compare strategies while the user count grows.

    Each gets a fresh server and the same swarm. With --revision each is run at every revision, from temporary git
    worktrees, with this tool's interpreter, packages and swarm. With several --rooms each is run with every number.
    A campaign that ends early (Ctrl-C, a crash, a full disk) keeps its finished trials, and --resume DIR does the
    rest. Exit codes: 0 done and valid, 2 wrong use, 3 a run failed or is invalid. Slowness and missing deliveries
    are results, not failures.
    """
    if allow_different_environment and not resume:
        raise click.UsageError("--allow-different-environment needs --resume; give both")
    strategies = own_strategies(strategies, peers, has_revisions=bool(revisions))
    if revisions and len(set(strategies)) < len(strategies):
        raise click.BadParameter(
            "with --revision name each strategy once; a --revision given twice is compared with itself",
            param_hint="--strategies",
        )
    if resume:
        refuse_other_flags(context, resume)
        store, plan, then = stored_campaign(resume)
    else:
        store = CampaignFolder(results_folder(out, "compare"))
        shared = Workload(**workload, rooms=min(rooms))
        check_rooms(max(rooms), min(shared.users))
        compared = rooms if len(rooms) > 1 else ()
        plan = make_plan(shared, strategies, blocks, slo_ms, seed, peers, revisions, retries, compared)
        then = None
    with running(max(plan.workload.users)) as session, ExitStack() as stack:
        environment = session.environment()
        if shortage := too_few_messages(plan.workload, Percentile.P99.number):
            session.print(shortage)
        if then:
            environment = resumed_environment(then, environment, allow_different_environment)
        with session.starting():
            checkouts = stack.enter_context(checked_out(arm.revision for arm in plan.arms if arm.revision is not None))
            probe(plan.arms, plan.workload.notice_limit, session.interruption, checkouts, session.print)
            if not resume:
                store.create()
        with session.writing(f"what was written is kept, and {_resume_command(store)} goes on with it"), store.locked():
            earlier = earlier_runs(plan, store, session.console)
            live = LiveSummary(plan, environment, store)
            left = run_campaign(
                plan,
                environment,
                store,
                session.interruption,
                session.console,
                earlier,
                on_runs=live.update,
                checkouts=checkouts,
                invalid_users=partial(invalid_users, planned_s=plan.workload.duration_s),
            )
            _show(live.summary, left, store, session)
    exit_with(is_valid=live.summary.valid)


def _show(summary: Summary, left: Sequence[Trial], store: CampaignFolder, session: Session) -> None:
    """Print the answer on stdout, draw the charts, and say where everything is and what is left to do."""
    from bench.presentation.charts.gallery import draw_all  # here, as it takes a second to load

    answers().print(answer_in_terminal(comparison_answer(summary)))
    gallery = draw_all(summary, _details(summary, store, session), store.charts)
    session.print(f"results in {store.directory}" + ("" if gallery.drawn else "; no cell, so no chart"))
    if failed := [trial for trial in left if trial.attempt == 1]:
        trials = f"{len(failed)} of {len(summary.plan.trials)} trials"
        session.print(f"{trials} did not get to their end: {_resume_command(store)} runs them")
    if repeats := [trial for trial in left if trial.attempt > 1]:
        what = counted(len(repeats), "repeat") + " of invalid cells"
        session.print(f"{what} left to be run: {_resume_command(store)} does it")


def _details(summary: Summary, store: CampaignFolder, session: Session) -> Distributions:
    """Read the files that some charts need; one that an earlier attempt left damaged costs only these charts."""
    try:
        return read_distributions(store.directory, summary.cells)
    except ValueError as error:
        report_failure(session.console, "some charts are left out", Failure(str(error)))
        return Distributions()


def _resume_command(store: CampaignFolder) -> str:
    return f"`python -m bench compare --resume {store.directory}`"
