"""From stored runs to the cells of a summary."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.analysis import validity
from bench.analysis.server_use import server_use
from bench.analysis.window_length import supported_percentile
from bench.model.environment import Environment
from bench.model.plan import Plan, Trial, first_attempt
from bench.model.run import Run
from bench.model.summary import FORMAT, Attempt, Cell, FailedTrial, NotMeasured, Summary
from loadtest.ledger.result import Step, StepFigures, shared_fields

NOT_STARTED = "the campaign ended before this trial"


def summarise(plan: Plan, environment: Environment, runs: Sequence[Run]) -> Summary:
    """Compute everything that tables and charts show; trials without a run count as not measured.

    Of several attempts at a cell the first valid one is taken, or the first one if none is valid.
    """
    of_trials: dict[Trial, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.trial.attempt):
        of_trials.setdefault(first_attempt(run.trial), []).append(run)
    of_trials = {first_attempt(run.trial): of_trials[first_attempt(run.trial)] for run in runs}  # in the given order
    measured = [cells for group in of_trials.values() for cells in _measured(plan, group)]
    pending = [trial for trial in plan.trials if trial not in of_trials]
    return Summary(
        format=FORMAT,
        environment=environment,
        plan=plan,
        cells=[next((cell for cell in cells if cell.valid), cells[0]) for cells in measured],
        not_measured=[
            *(gap for group in of_trials.values() for gap in _gaps(plan, group)),
            *(_gap(trial, users, NOT_STARTED) for trial in pending for users in plan.workload.users),
        ],
        failures=[
            *(_failure(run.trial, run.failure.message) for run in runs if run.failure),
            *(_failure(trial, NOT_STARTED) for trial in pending),
            *(_failure(run.trial, _why_nothing(run)) for run in runs if not run.failure and not run.steps),
        ],
        supported_percentile=supported_percentile(plan.workload),
        attempts=[_attempt(cell) for cells in measured if len(cells) > 1 for cell in cells],
    )


def used_runs(summary: Summary, runs: Sequence[Run]) -> list[Run]:
    """Return the runs with only those steps that the summary's cells are from, and leave out those without any.

    A run that measured nothing at all is kept.
    """
    used = {(cell.strategy, cell.block, cell.users, cell.attempt) for cell in summary.cells}
    found = []
    for run in runs:
        trial = run.trial
        steps = [s for s in run.steps if (trial.arm.label, trial.block, s.users, trial.attempt) in used]
        if run.swarm and run.steps:
            run = msgspec.structs.replace(run, swarm=msgspec.structs.replace(run.swarm, steps=steps))
            if not steps:
                continue
        found.append(run)
    return found


def _measured(plan: Plan, runs: Sequence[Run]) -> list[list[Cell]]:
    """Return the attempts at each user count of a trial, by ascending user count."""
    by_users: dict[int, list[Cell]] = {}
    for run in runs:
        for step in run.steps:
            by_users.setdefault(step.users, []).append(_cell(run, step, plan.workload.duration_s))
    return [by_users[users] for users in sorted(by_users)]


def _cell(run: Run, step: Step, planned_s: float) -> Cell:
    reasons = validity.reasons(run, step, planned_s)
    figures = shared_fields(StepFigures, step) | {"valid": not reasons, "reasons": reasons}
    return Cell(
        **figures,
        strategy=run.trial.arm.label,
        block=run.trial.block,
        offered_deliveries_per_s=step.planned_messages * step.users / step.rooms / step.window_s,
        server=server_use(run, step),
        attempt=run.trial.attempt,
    )


def _attempt(cell: Cell) -> Attempt:
    return Attempt(cell.strategy, cell.users, cell.block, cell.attempt, cell.valid, cell.reasons)


def _failure(trial: Trial, reason: str) -> FailedTrial:
    return FailedTrial(trial.arm.label, trial.block, reason, trial.attempt)


def _gaps(plan: Plan, runs: Sequence[Run]) -> list[NotMeasured]:
    """Name the user counts that all attempts of a trial left out, with the reason of the last one that was to come."""
    measured = {step.users for run in runs for step in run.steps}
    last = {users: run for run in runs for users in run.trial.workload_in(plan.workload).users}
    return [_gap(run.trial, users, _why_not(plan, run)) for users, run in last.items() if users not in measured]


def _why_not(plan: Plan, run: Run) -> str:
    if run.failure:
        return run.failure.message
    if run.steps and not run.steps[-1].drained:
        return f"the step of {run.steps[-1].users} users did not drain within {plan.workload.drain_s:g} s"
    return _why_nothing(run)


def _why_nothing(run: Run) -> str:
    """Give the swarm's own reasons for what it did not measure."""
    problems = run.swarm.problems if run.swarm else []
    return "; ".join(problems) or "the swarm measured nothing"


def _gap(trial: Trial, users: int, reason: str) -> NotMeasured:
    return NotMeasured(trial.arm.label, users, trial.block, reason)
