"""Is a campaign worse than an earlier one? Measure by measure, with confidence, over one family of comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.analysis.exact_tests import holm
from bench.gate.check import Check, Outcome
from bench.gate.measures import MEASURES, Measure
from bench.gate.rank_tests import ERROR, Floats, Shift, blocks_needed, p_larger, shift, smallest_p
from bench.gate.readings import Readings, read
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
        """Return logarithms that grow with what is worse."""
        with np.errstate(divide="ignore"):
            logarithms = np.log(readings.values)
        return -logarithms if self.measure.higher_is_better else logarithms

    def p_value(self) -> float:
        if not (self.old.values and self.new.values):
            return 1.0
        return p_larger(self.badness(self.old), self.badness(self.new))

    def can_be_found(self, family: int) -> bool:
        return family * smallest_p(len(self.old.values), len(self.new.values)) <= ERROR

    def figures(self, moved: Shift) -> str:
        """Put both medians and their ratio in words, in the measure's own direction."""
        old, new = (self.measure.show(float(np.median(side.values))) for side in (self.old, self.new))
        if math.isnan(moved.centre):
            return f"{old}, now {new}: by how much cannot be known"
        direction = -1 if self.measure.higher_is_better else 1
        low, high = sorted((direction * moved.low, direction * moved.high))
        return f"{old}, now {new}: {_exp(direction * moved.centre)} times ({_exp(low)} to {_exp(high)})"


def check_regressions(
    summary: Summary, baseline: Summary, places: Iterable[Place], names: Iterable[str], allowed: float
) -> list[Check]:
    """Compare two campaigns; worse is what is significant in its family and by more than the share `allowed`.

    A comparison that has too few blocks to find anything is undecided, and so is one of which a new block failed or may
    not be believed: it does not pass.
    """
    comparisons = [
        _Comparison(
            name,
            strategy,
            users,
            read(baseline, strategy, users, MEASURES[name]),
            read(summary, strategy, users, MEASURES[name]),
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
        if adjusted_p <= ERROR and moved.centre > math.log1p(allowed):
            outcome, reasons = Outcome.FAILED, [found]
    if outcome is Outcome.PASSED and not comparison.can_be_found(family):
        blocks = f"{len(old.values)} blocks then and {len(new.values)} now"
        needed = f"{blocks_needed(family)} each are needed"
        outcome = Outcome.UNDECIDED
        reasons = [f"{blocks} are too few to find anything among {family} comparisons; {needed}"]
    if outcome is Outcome.PASSED and new.doubts:
        outcome = Outcome.UNDECIDED
    reasons += [f"baseline: {doubt}" for doubt in old.doubts] + [f"now: {doubt}" for doubt in new.doubts]
    must_hold = f"{comparison.name} at most {100 * allowed:g} % worse"
    return Check(outcome, comparison.strategy, comparison.users, must_hold, found, "; ".join(reasons))


def _exp(logarithm: float) -> str:
    return f"{math.exp(logarithm):.2f}" if logarithm < math.inf else "inf"
