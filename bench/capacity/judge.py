"""Judges one try: held, failed, or invalid and so of no evidence."""

from __future__ import annotations

from bench.analysis.cells import summarise
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
    return Try(trial.block, trial.arm.label, load, outcome, reason, *summary.cells[:1])


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
    if not (cell.valid or kicked):  # kicked members make a step invalid, but the server kicked them
        return Outcome.DOUBTFUL, "; ".join(cell.reasons)
    missed = f"the server kicked {kicked:,} members" if kicked else _missed(plan, cell)
    if missed and is_generator_busy(cell) and not is_server_busy(cell):
        return Outcome.DOUBTFUL, f"{missed}, but the generator's core was busy and the server's not known to be"
    if missed and not kicked and is_generator_busy(cell) and _may_be_within_slo(plan, cell):
        uncertainty_ms = cell.generator.arrival_uncertainty_p99_ms
        return (
            Outcome.DOUBTFUL,
            f"{missed}, but the generator was busy and may have noticed {uncertainty_ms:,.1f} ms late",
        )
    if missed:
        return Outcome.FAILED, missed
    return (Outcome.DOUBTFUL, run.failure.message) if run.failure else (Outcome.HELD, "")


def _may_be_within_slo(plan: CapacityPlan, cell: Cell) -> bool:
    """Whether nothing is missing, and the SLO is missed by no more than the uncertainty of the arrival times."""
    latency_ms = plan.percentile.of(cell)
    if cell.missing or latency_ms is None:
        return False
    return latency_ms - cell.generator.arrival_uncertainty_p99_ms <= plan.slo_ms


def _missed(plan: CapacityPlan, cell: Cell) -> str:
    """Describe what misses the SLO; empty if nothing does."""
    if cell.missing:
        return f"{cell.missing:,} of {cell.expected:,} deliveries missing"
    latency_ms = plan.percentile.of(cell)
    if latency_ms is None or latency_ms > plan.slo_ms:
        return f"{plan.percentile.label} {'never' if latency_ms is None else f'{latency_ms:,.1f} ms'}"
    return ""
