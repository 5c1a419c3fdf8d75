"""The outcome of one check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a check says."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    """What there is does not support a verdict, either way."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold of one strategy at one user count, what was found, and if it does not hold, why."""

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
