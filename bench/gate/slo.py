"""Objectives such as `p99<50ms`: read from text, and held against a campaign."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.errors import SloError
from bench.gate.check import Check, Outcome
from bench.gate.measures import MEASURES, UNITS, Measure
from bench.gate.readings import read
from bench.model.summary import Summary

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
GRAMMAR = re.compile(
    r"(?P<name>[a-z][a-z0-9_.]*) *(?P<operator>[<>=]=|[<>]) *(?P<number>\d+(\.\d+)?(e[+-]?\d+)?) *(?P<unit>\S*)"
)


@dataclass(frozen=True)
class Objective:
    """A bound that a measure has to keep in every block, in the measure's own unit."""

    text: str
    name: str
    operator: str
    bound: float

    @property
    def measure(self) -> Measure:
        """What is looked at."""
        return MEASURES[self.name]

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps the bound."""
        return OPERATORS[self.operator](value, self.bound)


def parse(text: str) -> Objective:
    """Read `measure operator number[unit]`; without a unit the number is in the measure's own.

    Raises:
        ValueError: with what is allowed.

    """
    words = GRAMMAR.fullmatch(text.strip())
    if not words:
        raise SloError(
            f"{text!r} is no objective; write a measure, one of {' '.join(OPERATORS)}, and a number: p99<50ms"
        )
    name, unit = words["name"], words["unit"]
    if name not in MEASURES:
        raise SloError(f"{text!r}: there is no measure {name!r}; choose from {', '.join(MEASURES)}")
    own = MEASURES[name].unit
    if unit and unit not in UNITS[own]:
        allowed = f"give it in {', '.join(UNITS[own])}" if UNITS[own] else "it is a count, give no unit"
        raise SloError(f"{text!r}: {name} is not measured in {unit!r}; {allowed}")
    return Objective(text.strip(), name, words["operator"], float(words["number"]) * (UNITS[own][unit] if unit else 1))


def check_objective(objective: Objective, summary: Summary, strategy: str, users: int) -> Check:
    """Hold a campaign against an objective: one block beyond it fails, and one in doubt leaves the rest undecided."""
    readings, measure = read(summary, strategy, users, objective.measure), objective.measure
    beyond = [value for value in readings.values if not objective.holds(value)]
    found = _range(measure, readings.values)
    outcome, reason = Outcome.PASSED, ""
    if beyond:
        outcome = Outcome.FAILED
        reason = f"{_range(measure, beyond)} in {len(beyond)} of {len(readings.values)} blocks"
    elif readings.doubts:
        outcome, reason = Outcome.UNDECIDED, "; ".join(readings.doubts)
    return Check(outcome, strategy, users, f"`{objective.text}`", found, reason)


def _range(measure: Measure, values: Sequence[float]) -> str:
    """Put the least and the greatest value in words."""
    if not values:
        return "nothing"
    ends = dict.fromkeys(map(measure.show, (min(values), max(values))))
    return " to ".join(ends)
