"""Whether something became worse: a family of comparisons, each of one measure at one place before and after."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.analysis.brackets import Bracket
from bench.analysis.paired_tests import Estimate, Floats, holm
from bench.gate.check import Check, Outcome
from bench.gate.measures import MEASURES, Measure
from bench.gate.readings import Readings

Place = tuple[str, int]
"""A strategy and a user count."""


@dataclass(frozen=True)
class Regression(ABC):
    """One measure at one place, before and after a change, and the test of whether it is worse.

    `name` is the measure's, `strategy` the label of what is judged. `allowed` is how much worse it may be: 0.1 is 10 %.
    """

    name: str
    strategy: str
    users: int
    old: Readings
    new: Readings
    allowed: float

    before: ClassVar[str] = "baseline"
    """What readings before the change are called."""

    @property
    def measure(self) -> Measure:
        """What is compared."""
        return MEASURES[self.name]

    @abstractmethod
    def p_value(self, old: Floats, new: Floats) -> float:
        """Return the p of the one-sided test of some badness before and after, or 1 if there is nothing to test."""

    @abstractmethod
    def estimate(self, old: Floats, new: Floats) -> Estimate:
        """Estimate the logarithm of how many times as bad it became, with a 90 % interval: 5 % on each side."""

    @abstractmethod
    def fails(self, adjusted_p: float, worse_by: Estimate) -> bool:
        """Tell whether it is worse than allowed, by a p that is adjusted for the family, and an estimate."""

    @abstractmethod
    def shortage(self, family: int) -> str:
        """Say why nothing could be found among `family` comparisons, or nothing if something could."""

    def compared(self) -> tuple[Sequence[Bracket], Sequence[Bracket]]:
        """Return the values before and after that are compared."""
        return self.old.values, self.new.values

    def as_known(self) -> tuple[Floats, Floats]:
        """Return the badness before and after by the upper bounds of brackets."""
        old, new = map(self._badness, self.compared())
        return old[:, 1], new[:, 1]

    def at_least(self) -> tuple[Floats, Floats]:
        """Return the badness before and after by those ends of brackets that speak against a change for the worse."""
        old, new = map(self._badness, self.compared())
        return old.max(axis=1, initial=-math.inf), new.min(axis=1, initial=math.inf)

    def _badness(self, values: Sequence[Bracket]) -> Floats:
        """Return a row of logarithms for each bracket, negated where higher is better: a larger one is worse."""
        with np.errstate(divide="ignore"):
            logarithms: Floats = np.log(np.reshape(np.array(values, float), (-1, 2)))
        return -logarithms if self.measure.higher_is_better else logarithms

    def figures(self) -> str:
        """Format both medians and their ratio, in the measure's own direction."""
        old, new = (self.measure.show(float(np.median([value.high for value in values]))) for values in self.compared())
        moved = self.estimate(*self.as_known())
        if math.isnan(moved.centre):
            return f"{old}, now {new}: the ratio is unknown"
        direction = -1 if self.measure.higher_is_better else 1
        low, high = sorted((direction * moved.low, direction * moved.high))
        return f"{old}, now {new}: {_exp(direction * moved.centre)} times ({_exp(low)} to {_exp(high)})"


def check_family(regressions: Sequence[Regression]) -> list[Check]:
    """Judge comparisons as one family, by Holm's method.

    What fails is worse wherever in its bracket each value lies. A comparison with too few blocks to find anything is
    undecided instead of passed, and so is one that would fail by the upper bounds of its brackets, or has a new block
    that failed or is invalid.
    """
    at_least = holm([each.p_value(*each.at_least()) for each in regressions])
    as_known = holm([each.p_value(*each.as_known()) for each in regressions])
    return [
        _check(each, p, p_as_known, len(regressions))
        for each, p, p_as_known in zip(regressions, at_least, as_known, strict=True)
    ]


def _check(regression: Regression, adjusted_p: float, p_as_known: float, family: int) -> Check:
    old, new = regression.old, regression.new
    outcome, found, reasons = Outcome.PASSED, "nothing", []
    if all(regression.compared()):
        found = f"{regression.figures()}, adjusted p {adjusted_p:.2g}"
        if regression.fails(adjusted_p, regression.estimate(*regression.at_least())):
            outcome, reasons = Outcome.FAILED, [found]
        elif regression.fails(p_as_known, regression.estimate(*regression.as_known())):
            outcome, reasons = Outcome.UNDECIDED, [f"{found}: receive times are known as brackets too wide to tell"]
    if outcome is Outcome.PASSED and (shortage := regression.shortage(family)):
        outcome, reasons = Outcome.UNDECIDED, [shortage]
    if outcome is Outcome.PASSED and new.problems:
        outcome = Outcome.UNDECIDED
    reasons += [f"{regression.before}: {problem}" for problem in old.problems]
    reasons += [f"now: {problem}" for problem in new.problems]
    must_hold = f"{regression.name} at most {100 * regression.allowed:g} % worse"
    return Check(outcome, regression.strategy, regression.users, must_hold, found, "; ".join(reasons))


def _exp(logarithm: float) -> str:
    return f"{math.exp(logarithm):.2f}" if logarithm < math.inf else "inf"
