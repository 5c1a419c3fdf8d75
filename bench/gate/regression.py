"""Whether a campaign is worse than an earlier one: one comparison per measure and place, tested as one family."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.analysis.paired_tests import holm
from bench.analysis.unpaired_tests import FAMILY_ERROR_RATE, Floats, Shift, blocks_needed, p_larger, shift, smallest_p
from bench.gate.check import Check, Outcome
from bench.gate.measures import MEASURES, Measure
from bench.gate.readings import Readings, read_measure
from bench.model.summary import Summary

Place = tuple[str, int]
"""A strategy and a user count."""


@dataclass(frozen=True)
class _Comparison:
    """One measure at one place, in both campaigns."""

    name: str
    strategy: str
    users: int
    old: Readings
    new: Readings

    @property
    def measure(self) -> Measure:
        return MEASURES[self.name]

    def badness(self, readings: Readings) -> Floats:
        """Return the logarithms, negated where higher is better: a larger one is worse."""
        with np.errstate(divide="ignore"):
            logarithms = np.log(readings.values)
        return -logarithms if self.measure.higher_is_better else logarithms

    def p_value(self) -> float:
        if not (self.old.values and self.new.values):
            return 1.0
        return p_larger(self.badness(self.old), self.badness(self.new))

    def has_enough_blocks(self, family: int) -> bool:
        return family * smallest_p(len(self.old.values), len(self.new.values)) <= FAMILY_ERROR_RATE

    def figures(self, moved: Shift) -> str:
        """Format both medians and their ratio, in the measure's own direction."""
        old, new = (self.measure.show(float(np.median(side.values))) for side in (self.old, self.new))
        if math.isnan(moved.centre):
            return f"{old}, now {new}: the ratio is unknown"
        direction = -1 if self.measure.higher_is_better else 1
        low, high = sorted((direction * moved.low, direction * moved.high))
        return f"{old}, now {new}: {_exp(direction * moved.centre)} times ({_exp(low)} to {_exp(high)})"


def check_regressions(
    summary: Summary, baseline: Summary, places: Iterable[Place], names: Iterable[str], allowed: float
) -> list[Check]:
    """Compare two campaigns; a comparison fails if it is significant in its family and worse by more than `allowed`.

    `allowed` is a share: 0.1 is 10 %. A comparison with too few blocks to find anything is undecided instead of passed,
    and so is one with a new block that failed or is invalid.
    """
    comparisons = [
        _Comparison(
            name,
            strategy,
            users,
            read_measure(baseline, strategy, users, MEASURES[name]),
            read_measure(summary, strategy, users, MEASURES[name]),
        )
        for name in names
        for strategy, users in places
    ]
    adjusted = holm([each.p_value() for each in comparisons])
    return [
        _check(each, adjusted_p, allowed, len(comparisons))
        for each, adjusted_p in zip(comparisons, adjusted, strict=True)
    ]


def _check(comparison: _Comparison, adjusted_p: float, allowed: float, family: int) -> Check:
    old, new = comparison.old, comparison.new
    outcome, found, reasons = Outcome.PASSED, "nothing", []
    if old.values and new.values:
        moved = shift(comparison.badness(old), comparison.badness(new))
        found = f"{comparison.figures(moved)}, adjusted p {adjusted_p:.2g}"
        if adjusted_p <= FAMILY_ERROR_RATE and moved.centre > math.log1p(allowed):
            outcome, reasons = Outcome.FAILED, [found]
    if outcome is Outcome.PASSED and not comparison.has_enough_blocks(family):
        blocks = f"{len(old.values)} blocks then and {len(new.values)} now"
        needed = f"{blocks_needed(family)} each are needed"
        outcome = Outcome.UNDECIDED
        reasons = [f"{blocks} are too few to find anything among {family} comparisons; {needed}"]
    if outcome is Outcome.PASSED and new.problems:
        outcome = Outcome.UNDECIDED
    reasons += [f"baseline: {problem}" for problem in old.problems] + [f"now: {problem}" for problem in new.problems]
    must_hold = f"{comparison.name} at most {100 * allowed:g} % worse"
    return Check(outcome, comparison.strategy, comparison.users, must_hold, found, "; ".join(reasons))


def _exp(logarithm: float) -> str:
    return f"{math.exp(logarithm):.2f}" if logarithm < math.inf else "inf"
