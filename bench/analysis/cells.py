"""From stored runs to the cells of a summary."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis import validity
from bench.analysis.server_use import server_use
from bench.analysis.window_length import supported_percentile
from bench.model.environment import Environment
from bench.model.plan import Plan, Trial
from bench.model.run import Run
from bench.model.summary import FORMAT, Cell, FailedTrial, NotMeasured, Summary
from loadtest.ledger.result import Step, StepFigures, shared_fields

NOT_STARTED = "the campaign ended before this trial"


def summarise(plan: Plan, environment: Environment, runs: Sequence[Run]) -> Summary:
    """Compute everything that tables and charts show; trials without a run count as not measured."""
    ran = {run.trial for run in runs}
    pending = [trial for trial in plan.trials if trial not in ran]
    return Summary(
        format=FORMAT,
        environment=environment,
        plan=plan,
        cells=[_cell(run, step, plan.workload.duration_s) for run in runs for step in _steps(run)],
        not_measured=[
            *(gap for run in runs for gap in _gaps(plan, run)),
            *(_gap(trial, users, NOT_STARTED) for trial in pending for users in plan.workload.users),
        ],
        failures=[
            *(FailedTrial(run.trial.arm.label, run.trial.block, run.failure.message) for run in runs if run.failure),
            *(FailedTrial(trial.arm.label, trial.block, NOT_STARTED) for trial in pending),
            *(
                FailedTrial(run.trial.arm.label, run.trial.block, _why_nothing(run))
                for run in runs
                if not run.failure and not _steps(run)
            ),
        ],
        supported_percentile=supported_percentile(plan.workload),
    )


def _steps(run: Run) -> list[Step]:
    return run.swarm.steps if run.swarm else []


def _cell(run: Run, step: Step, planned_s: float) -> Cell:
    reasons = validity.reasons(run, step, planned_s)
    figures = shared_fields(StepFigures, step) | {"valid": not reasons, "reasons": reasons}
    return Cell(
        **figures,
        strategy=run.trial.arm.label,
        block=run.trial.block,
        offered_deliveries_per_s=step.planned_messages * step.users / step.window_s,
        server=server_use(run, step),
    )


def _gaps(plan: Plan, run: Run) -> list[NotMeasured]:
    """Name the user counts that a trial left out."""
    steps = _steps(run)
    measured = {step.users for step in steps}
    if run.failure:
        reason = run.failure.message
    elif steps and not steps[-1].drained:
        reason = f"the step of {steps[-1].users} users did not drain within {plan.workload.drain_s:g} s"
    else:
        reason = _why_nothing(run)
    return [_gap(run.trial, users, reason) for users in plan.workload.users if users not in measured]


def _why_nothing(run: Run) -> str:
    """Give the swarm's own reasons for what it did not measure."""
    problems = run.swarm.problems if run.swarm else []
    return "; ".join(problems) or "the swarm measured nothing"


def _gap(trial: Trial, users: int, reason: str) -> NotMeasured:
    return NotMeasured(trial.arm.label, users, trial.block, reason)
