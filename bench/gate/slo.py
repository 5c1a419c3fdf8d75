"""Service-level objectives (SLOs) such as `p99<50ms`: parsed from text, and checked against a campaign."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.analysis.brackets import Bracket
from bench.errors import SloError
from bench.gate.check import Check, Outcome
from bench.gate.measures import MEASURES, UNITS, Measure
from bench.gate.readings import read_measure
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
class Slo:
    """A bound that a measure has to meet in every block; `bound` is in the measure's own unit."""

    text: str
    name: str
    operator: str
    bound: float

    @property
    def measure(self) -> Measure:
        """The figure that is checked."""
        return MEASURES[self.name]

    def is_met(self, value: Bracket) -> bool | None:
        """Tell whether a value meets the bound; `None` where one end of its bracket does and the other does not."""
        ends = {OPERATORS[self.operator](end, self.bound) for end in value}
        return ends.pop() if len(ends) == 1 else None


def parse_slo(text: str) -> Slo:
    """Parse `measure operator number[unit]`; without a unit the number is in the measure's own.

    Raises:
        SloError: the text is not a valid SLO; the message says what is allowed.

    """
    words = GRAMMAR.fullmatch(text.strip())
    if not words:
        raise SloError(f"invalid SLO {text!r}; write a measure, one of {' '.join(OPERATORS)}, and a number: p99<50ms")
    name, unit = words["name"], words["unit"]
    if name not in MEASURES:
        raise SloError(f"{text!r}: there is no measure {name!r}; choose from {', '.join(MEASURES)}")
    own = MEASURES[name].unit
    if unit and unit not in UNITS[own]:
        allowed = f"give it in {', '.join(UNITS[own])}" if UNITS[own] else "it is a count, give no unit"
        raise SloError(f"{text!r}: {name} is not measured in {unit!r}; {allowed}")
    return Slo(text.strip(), name, words["operator"], float(words["number"]) * (UNITS[own][unit] if unit else 1))


def check_slo(slo: Slo, summary: Summary, strategy: str, users: int) -> Check:
    """Check an SLO: it fails if one block misses it, and is undecided if another block has no valid value."""
    readings, measure = read_measure(summary, strategy, users, slo.measure), slo.measure
    missed = [value for value in readings.values if slo.is_met(value) is False]
    unknown = [
        f"block {block} has a {slo.name} between {measure.show(value.low)} and {measure.show(value.high)}"
        for block, value in readings.by_block.items()
        if slo.is_met(value) is None
    ]
    found = _range(measure, readings.values)
    outcome, reason = Outcome.PASSED, ""
    if missed:
        outcome = Outcome.FAILED
        reason = f"{_range(measure, missed)} in {len(missed)} of {len(readings.values)} blocks"
    elif unknown or readings.problems:
        outcome, reason = Outcome.UNDECIDED, "; ".join([*unknown, *readings.problems])
    return Check(outcome, strategy, users, f"`{slo.text}`", found, reason)


def _range(measure: Measure, values: Sequence[Bracket]) -> str:
    """Format the smallest and the largest value."""
    if not values:
        return "nothing"
    highest = [value.high for value in values]
    ends = dict.fromkeys(map(measure.show, (min(highest), max(highest))))
    return " to ".join(ends)
