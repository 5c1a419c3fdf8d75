"""Judges one try: held, failed, or invalid and so of no evidence."""

from __future__ import annotations

from bench.analysis.cells import summarise
from bench.analysis.slo import SloFinding, judge_slo
from bench.capacity.result import CapacityPlan, Try
from bench.capacity.search import Outcome
from bench.model.environment import Environment
from bench.model.plan import Plan
from bench.model.run import Run
from bench.model.summary import Cell, Summary
from loadtest.ledger.validity_limits import MAX_BUSY_PERCENT


def judge(plan: CapacityPlan, environment: Environment, run: Run, load: int) -> Try:
    """Judge the run of one try."""
    trial = run.trial
    campaign = Plan(plan.workload_at(load), (trial.arm,), 1, plan.slo_ms, plan.seed, (trial,))
    summary = summarise(campaign, environment, [run])
    outcome, reason = _verdict(plan, run, summary)
    cell = summary.cells[0] if summary.cells else None
    return Try(trial.block, trial.arm.label, load, outcome, reason, cell, run.is_refused)


def is_generator_busy(cell: Cell) -> bool:
    """Whether the busiest process of the swarm used nearly all of its core."""
    return cell.generator.cpu_percent > MAX_BUSY_PERCENT


def is_server_busy(cell: Cell) -> bool:
    """Whether the server is known to have used nearly all of its core."""
    return cell.server.cpu_percent is not None and cell.server.cpu_percent > MAX_BUSY_PERCENT


def _verdict(plan: CapacityPlan, run: Run, summary: Summary) -> tuple[Outcome, str]:
    """Return the outcome, with the reason unless the load was held."""
    if run.server_ended:
        return Outcome.FAILED, f"the server {run.server_ended} under load"
    if not summary.cells:
        return Outcome.DOUBTFUL, "; ".join(failure.reason for failure in summary.failures)
    (cell,) = summary.cells
    kicked = run.stats_after.kicked if run.stats_after else 0
    if cell.joined < cell.users and is_server_busy(cell) and not is_generator_busy(cell):
        return Outcome.FAILED, f"only {cell.joined:,} of {cell.users:,} users could join"
    found = judge_slo(cell, plan.percentile, plan.slo_ms)
    if kicked:  # that makes a step invalid, but it is the server that kicked them
        found = SloFinding(False, f"the server kicked {kicked:,} members")
    if found.is_within is None:
        return Outcome.DOUBTFUL, found.reason
    if not found.is_within and is_generator_busy(cell) and not is_server_busy(cell):
        return Outcome.DOUBTFUL, f"{found.reason}, but the generator's core was busy and the server's not known to be"
    if not found.is_within:
        return Outcome.FAILED, found.reason
    return (Outcome.DOUBTFUL, run.failure.message) if run.failure else (Outcome.HELD, "")
