"""Runs a plan, trial by trial, and stores each run when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.execution.interruption import Interruption
from bench.execution.progress import Progress
from bench.execution.server_process import NO_CHECKOUTS
from bench.execution.trial_runner import NO_EXTRAS, Extras, TrialRunner
from bench.model.environment import Environment
from bench.model.plan import Plan, Trial
from bench.model.run import Failure, Run
from bench.storage.campaign_folder import CampaignFolder


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
) -> None:
    """Run the trials of `plan` that none of the `earlier` runs finished, in the planned order.

    A trial that fails is reported and does not keep the next from running. `on_runs` gets all runs so far, in the
    order of the plan, before the first trial and after each. `checkouts` has the folder of each commit in the plan.
    """
    runs = {run.trial: run for run in earlier}
    to_do = [trial for trial in plan.trials if trial not in runs or not _finished(runs[trial])]
    if extras is None:  # a plan does not hold the extras, so a campaign with extras must not be resumed from its plan
        store.write_plan(plan, environment)
    store.logs.mkdir(exist_ok=True)  # results may have been copied without it
    on_runs(_in_order(plan, runs))
    with Progress(plan.workload, to_do, console) as progress:
        for trial in to_do:
            if interruption.signal_name:
                break
            store.discard_logs(trial)
            run = TrialRunner(
                trial,
                plan.workload,
                store.logs,
                environment.pinning,
                interruption,
                partial(progress.show, trial),
                extras(trial) if extras else NO_EXTRAS,
                checkouts,
            ).run()
            if run.failure:
                report_failure(console, trial.name, run.failure)
            if run.failure and trial in runs and _steps(run) < _steps(runs[trial]):
                continue  # it failed again, and earlier: the first attempt has more steps
            runs[trial] = run
            store.write_percentiles(run)
            store.write_run(run)  # the last of its files: where it is, the trial is done
            on_runs(_in_order(plan, runs))


def earlier_runs(plan: Plan, store: CampaignFolder, console: Console) -> list[Run]:
    """Read the runs that a campaign left when it ended early; a damaged one is reported and left out."""
    runs = []
    for trial in plan.trials:
        try:
            if run := store.read_run(trial):
                runs.append(run)
        except ValueError as error:
            console.print(f"[bold yellow]{escape(str(error))}[/]", soft_wrap=True, highlight=False)
    return runs


def report_failure(console: Console, what: str, failure: Failure) -> None:
    """Print what failed and the last lines of the log that may say why."""
    console.print(f"[bold red]{escape(what)}: {escape(failure.message)}[/]", soft_wrap=True, highlight=False)
    for line in failure.log:
        console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)


def _in_order(plan: Plan, runs: Mapping[Trial, Run]) -> list[Run]:
    return [runs[trial] for trial in plan.trials if trial in runs]


def _finished(run: Run) -> bool:
    """Whether a run is complete; one that measured nothing has to be run again."""
    return run.failure is None and _steps(run) > 0


def _steps(run: Run) -> int:
    return len(run.swarm.steps) if run.swarm else 0
