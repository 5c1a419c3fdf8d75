"""Turns the runs of a variation into its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bench.model.plan import Trial
from bench.model.run import Run
from bench.model.summary import Cell, Summary
from bench.scenarios.conditions import Conditions
from bench.scenarios.disturbance import Disturbance, planned_disturbance
from bench.scenarios.recovery import time_to_recover_s
from bench.scenarios.result import Row
from bench.scenarios.scenario import Variation


def make_rows(
    variation: Variation, summary: Summary, runs: Sequence[Run], disturbances: Mapping[Trial, Disturbance]
) -> list[Row]:
    """Make one row per run, by block and strategy; `disturbances` has those that the bench itself caused."""
    ordered = sorted(runs, key=lambda run: (run.trial.block, run.trial.arm.label))
    return [_row(variation, summary, run, disturbances.get(run.trial)) for run in ordered]


def _row(variation: Variation, summary: Summary, run: Run, disturbance: Disturbance | None) -> Row:
    conditions, trial = variation.conditions, run.trial
    before, after = run.stats_before, run.stats_after
    cell = _cell(summary, trial)
    return Row(
        variation=variation.label,
        conditions=conditions,
        strategy=trial.arm.label,
        block=trial.block,
        cell=cell,
        reason=_what_failed(summary, trial) or _not_disturbed(conditions, disturbance),
        time_to_recover_s=_recovery_s(variation, run, disturbance),
        memory_peak_mib=max((sample.rss_bytes for sample in run.samples), default=0) / 2**20 or None,
        kicked=after.kicked - before.kicked if before and after else None,
        dropped=after.dropped - before.dropped if before and after else None,
    )


def _cell(summary: Summary, trial: Trial) -> Cell | None:
    cells = [cell for cell in summary.cells if (cell.strategy, cell.block) == (trial.arm.label, trial.block)]
    return cells[0] if cells else None


def _not_disturbed(conditions: Conditions, disturbance: Disturbance | None) -> str:
    """Return the reason if the bench did not disturb the server as planned; empty if it did."""
    was_due = conditions.freeze_at_s or conditions.kill_at_s
    what = "frozen" if conditions.freeze_at_s else "killed"
    return f"the server was to be {what} and was not" if was_due and not disturbance else ""


def _what_failed(summary: Summary, trial: Trial) -> str:
    failures = [each for each in summary.failures if (each.strategy, each.block) == (trial.arm.label, trial.block)]
    return "; ".join(failure.reason for failure in failures)


def _recovery_s(variation: Variation, run: Run, disturbance: Disturbance | None) -> float | None:
    if run.swarm is None or not run.swarm.steps:
        return None
    step, conditions = run.swarm.steps[0], variation.conditions
    flooders = conditions.flooders if conditions.flood else 0
    disturbed = disturbance or planned_disturbance(conditions, step)
    has_echo = run.trial.arm.has_echo
    seconds = time_to_recover_s(step, conditions.slo_ms, disturbed, flooders, has_echo=has_echo)
    return seconds if seconds < math.inf else None
