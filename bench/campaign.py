"""Runs a plan, trial by trial, and keeps what is known on disk at any moment."""

from __future__ import annotations

from functools import partial

from rich.console import Console
from rich.markup import escape

from bench.environment import Environment
from bench.interruption import Interruption
from bench.metrics import summarise
from bench.plan import Plan
from bench.progress import Progress
from bench.run import Failure, Run
from bench.runner import TrialRunner
from bench.store import Store
from bench.summary import Summary


def run_campaign(
    plan: Plan, environment: Environment, store: Store, interruption: Interruption, console: Console
) -> Summary:
    """Run every trial of `plan`; a trial that fails is reported and does not keep the next from running."""
    store.write_plan(plan, environment)
    runs: list[Run] = []
    with Progress(plan, console) as progress:
        for trial in plan.trials:
            if interruption.signal_name:
                break
            run = TrialRunner(
                trial,
                plan.workload,
                store.logs,
                environment.pinning,
                interruption,
                partial(progress.show, trial),
            ).run()
            store.write_run(run)
            store.write_details(run)
            runs.append(run)
            if run.failure:
                report_failure(console, trial.name, run.failure)
            store.write_summary(summarise(plan, environment, runs))
    return summarise(plan, environment, runs)


def report_failure(console: Console, what: str, failure: Failure) -> None:
    """Say what failed and show the last lines of the log that may tell why."""
    console.print(f"[bold red]{escape(what)}: {escape(failure.message)}[/]", soft_wrap=True, highlight=False)
    for line in failure.log:
        console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
