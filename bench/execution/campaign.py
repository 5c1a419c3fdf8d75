"""Runs a plan, trial by trial, and stores each run when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.errors import ResultsError
from bench.execution.interruption import Interruption
from bench.execution.progress import Progress
from bench.execution.repeats import InvalidUsers, attempts
from bench.execution.server_process import NO_CHECKOUTS
from bench.execution.trial_runner import NO_EXTRAS, Extras, TrialRunner
from bench.model.environment import Environment
from bench.model.plan import Arm, Plan, Trial
from bench.model.run import Failure, Run
from bench.storage.campaign_folder import CampaignFolder

LEFT_OUT = Failure("left out, as the swarm refused this server in an earlier trial")
BEGIN_ANEW = "change what the reason says, and begin anew"


def run_campaign(
    plan: Plan,
    environment: Environment,
    store: CampaignFolder,
    interruption: Interruption,
    console: Console,
    earlier: Sequence[Run] = (),
    extras: Callable[[Trial], Extras] | None = None,
    on_runs: Callable[[Sequence[Run]], None] = lambda _: None,
    checkouts: Mapping[str, Path] = NO_CHECKOUTS,
    invalid_users: InvalidUsers = lambda _: (),
    refused: set[Arm] | None = None,
) -> list[Trial]:
    """Run the trials of `plan` that none of the `earlier` runs finished, in the planned order.

    A trial that fails is reported and does not keep the next from running. An arm whose server the swarm refuses is
    added to `refused`, and the arms in it are not run. At the end of each block the user counts
    that `invalid_users` finds in its finished trials are measured again. `on_runs` gets all runs so far, in the order
    of the plan and each with its repeats, before the first trial and after each. `checkouts` has the folder of each
    commit in the plan. Returns what is left to be run, without what was refused.
    """
    runs = {run.trial: run for run in earlier}
    refused = set() if refused is None else refused

    def all_attempts(trials: Sequence[Trial]) -> list[Trial]:
        return [attempt for trial in trials for attempt in attempts(plan, trial, runs, invalid_users)]

    def left(trials: Sequence[Trial]) -> list[Trial]:
        return [
            each
            for each in all_attempts(trials)
            if each.arm not in refused and (each not in runs or not runs[each].is_finished)
        ]

    def leave_out() -> None:
        for trial in plan.trials:
            if trial.arm in refused and trial not in runs:
                runs[trial] = Run(trial, None, [], None, None, None, LEFT_OUT)
                store.write_run(runs[trial])

    def tell() -> None:
        on_runs([runs[each] for each in all_attempts(plan.trials) if each in runs])

    if extras is None:  # a plan does not hold the extras, so a campaign with extras must not be resumed from its plan
        store.write_plan(plan, environment)
    store.logs.mkdir(exist_ok=True)  # results may have been copied without it
    leave_out()
    tell()
    with Progress(plan.workload, left(plan.trials), console) as progress:
        for _, block in groupby(plan.trials, key=lambda trial: trial.block):
            trials, tried = list(block), set[Trial]()
            while to_do := [each for each in left(trials) if each not in tried]:
                if interruption.signal_name:
                    return left(plan.trials)
                progress.add(to_do)
                trial = min(to_do, key=lambda each: each.attempt)
                tried.add(trial)
                store.discard_logs(trial)
                run = TrialRunner(
                    trial,
                    trial.workload_in(plan.workload),
                    store.logs,
                    environment.pinning,
                    interruption,
                    partial(progress.show, trial),
                    extras(trial) if extras else NO_EXTRAS,
                    checkouts,
                    is_live=progress.is_live,
                ).run()
                if run.failure:
                    report_failure(console, trial.name, run.failure)
                if run.failure and trial in runs and len(run.steps) < len(runs[trial].steps):
                    continue  # it failed again, and earlier: what is stored has more steps
                runs[trial] = run
                store.write_percentiles(run)
                store.write_run(run)  # the last of its files: where it is, the trial is done
                if run.is_refused:
                    refused.add(trial.arm)
                    leave_out()
                    console.print(
                        f"{escape(trial.arm.label)} is not measured; {BEGIN_ANEW}", soft_wrap=True, highlight=False
                    )
                tell()
    return left(plan.trials)


def earlier_runs(plan: Plan, store: CampaignFolder, console: Console) -> list[Run]:
    """Read the runs that a campaign left when it ended early; a damaged one is reported and left out."""

    def report(error: ResultsError) -> None:
        console.print(f"[bold yellow]{escape(str(error))}[/]", soft_wrap=True, highlight=False)

    return [run for trial in plan.trials for run in store.read_attempts(trial, report)]


def report_failure(console: Console, what: str, failure: Failure) -> None:
    """Print what failed and the last lines of the log that may say why."""
    console.print(f"[bold red]{escape(what)}: {escape(failure.message)}[/]", soft_wrap=True, highlight=False)
    for line in failure.log:
        console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
