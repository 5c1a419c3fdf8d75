"""A check: a function that looks at a machine, with what its subject does to the figures and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.doctor.machine import Machine
from bench.model.finding import Finding, Status

Observation = tuple[Status, str]
"""How serious it is, and what was found."""


@dataclass(frozen=True)
class Check:
    """One subject of the examination."""

    name: str
    look: Callable[[Machine], Observation]
    effect: str
    remedy: str

    def examine(self, machine: Machine) -> Finding:
        """Look at `machine`; what cannot be read, or not be understood, is `unknown`, with the reason."""
        try:
            status, found = self.look(machine)
        except FileNotFoundError as error:
            status, found = Status.UNKNOWN, f"not visible here: there is no {error.filename}"
        except (OSError, ValueError) as error:
            status, found = Status.UNKNOWN, f"not visible here: {error}"
        return Finding(self.name, status, found, self.effect, self.remedy)


def check(effect: str, remedy: str) -> Callable[[Callable[[Machine], Observation]], Check]:
    """Make a function a check that bears its name."""

    def make(look: Callable[[Machine], Observation]) -> Check:
        return Check(look.__name__.replace("_", " "), look, effect, remedy)

    return make
