"""A check: a function that inspects a machine, with the effect on the figures and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.doctor.machine import Machine
from bench.model.finding import Finding, Status

Observation = tuple[Status, str]
"""A status, and what was found."""


@dataclass(frozen=True)
class Check:
    """One check of the examination; `effect` is that of a warning or a problem on the figures."""

    name: str
    inspect: Callable[[Machine], Observation]
    effect: str
    remedy: str

    def examine(self, machine: Machine) -> Finding:
        """Inspect `machine`; what cannot be read or parsed is `unknown`, with the reason."""
        try:
            status, found = self.inspect(machine)
        except FileNotFoundError as error:
            status, found = Status.UNKNOWN, f"not visible here: there is no {error.filename}"
        except (OSError, ValueError) as error:
            status, found = Status.UNKNOWN, f"not visible here: {error}"
        return Finding(self.name, status, found, self.effect, self.remedy)


def check(effect: str, remedy: str) -> Callable[[Callable[[Machine], Observation]], Check]:
    """Turn a function into a check of the same name."""

    def make(inspect: Callable[[Machine], Observation]) -> Check:
        return Check(inspect.__name__.replace("_", " "), inspect, effect, remedy)

    return make
