"""A claim's figure, and whether one that was measured again bears the claim out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure as it is read from a result.

    `text` is how it is written. `side` is what the claim says beyond the number (`slower`, `isolated`), empty where it
    is the number alone. `low` to `high` is its interval, where it has one; of a figure that is only a lower bound,
    `high` is infinite. `is_decided` is false where the data are too few for a side.
    """

    value: float
    text: str
    side: str = ""
    low: float | None = None
    high: float | None = None
    is_decided: bool = True

    @property
    def is_lower_bound(self) -> bool:
        """Whether the figure is known from below only."""
        return self.high == math.inf and self.low is not None


class Outcome(StrEnum):
    """What measuring again says of a claim."""

    HOLDS = "holds"
    DRIFTED = "drifted"
    FAILED = "failed"
    UNDECIDED = "undecided"
    """Too little was measured to tell."""
    NOT_STORED = "not stored"
    NOT_MEASURED = "not measured"


def outcome(stored: Reading, again: Reading, tolerance: float) -> Outcome:
    """Compare a figure with the stored one: another side is `failed`.

    It holds if it is within `tolerance`, a share of the stored one, or if both intervals overlap; else it has drifted.
    Two lower bounds are compared with each other; one that is below a stored interval decides nothing.
    """
    if not again.is_decided:
        return Outcome.UNDECIDED
    if again.side != stored.side or math.isnan(again.value):
        return Outcome.FAILED
    if again.is_lower_bound and not stored.is_lower_bound and _overlap(stored, again):
        return Outcome.UNDECIDED
    if again.value == stored.value or abs(again.value - stored.value) <= tolerance * abs(stored.value) < math.inf:
        return Outcome.HOLDS
    if again.is_lower_bound and stored.is_lower_bound:
        return Outcome.DRIFTED
    return Outcome.HOLDS if _overlap(stored, again) else Outcome.DRIFTED


def _overlap(one: Reading, other: Reading) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.high and other.low <= one.high
