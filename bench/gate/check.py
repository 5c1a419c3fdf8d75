"""One check of a gate, and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a check."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    """The data do not support a verdict either way."""


@dataclass(frozen=True)
class Check:
    """One requirement on a strategy at a user count, what was found, and the reason if it is not met."""

    outcome: Outcome
    strategy: str
    users: int
    must_hold: str
    found: str
    reason: str = ""


def overall(checks: Sequence[Check]) -> Outcome:
    """Return the outcome of all: a failed check fails the gate, else an undecided one leaves it undecided."""
    outcomes = {check.outcome for check in checks}
    return next((each for each in (Outcome.FAILED, Outcome.UNDECIDED) if each in outcomes), Outcome.PASSED)
