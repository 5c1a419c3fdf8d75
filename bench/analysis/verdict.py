"""From the log-ratios of a family of comparisons to what may be said of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.analysis.paired_tests import SIGNIFICANCE, Floats, holm, p_above

RELEVANT = 1.05
"""A verdict says that the ratio is beyond this factor, one way or the other: below 1 / 1.05, or above 1.05."""


class Verdict(StrEnum):
    """What may be said of one arm against the baseline at one user count."""

    FASTER = "faster"
    SLOWER = "slower"
    DIFFERS = "differs"
    NO_DIFFERENCE = "no difference found"
    WIDE_BRACKETS = "brackets too wide"
    TOO_FEW_BLOCKS = "too few blocks"
    TOO_FEW_VALID_BLOCKS = "too few valid blocks"
    NOT_MEASURED = "not measured"
    BOTH_INFINITE = "both infinite"
    BOTH_SATURATED = "both saturated"


@dataclass(frozen=True)
class LogRatios:
    """The log-ratios of one comparison, one a block, each known to lie between `low` and `high`.

    Both are the same where the two latencies are known exactly. One is `nan` where both latencies are infinite.
    """

    low: Floats
    high: Floats


@dataclass(frozen=True)
class Judgement:
    """Two tests of one comparison: whether the ratio is 1 (`p_value`), and whether it is within 5 % (`p_beyond`).

    `adjusted_p` and `adjusted_p_beyond` are corrected for the whole family. `finding` is `FASTER` or `SLOWER` where the
    second is significant in the family, `DIFFERS` where the first alone is, or else `NO_DIFFERENCE`.
    """

    p_value: float
    adjusted_p: float
    p_beyond: float
    adjusted_p_beyond: float
    finding: Verdict


def judge_family(family: Sequence[LogRatios]) -> list[Judgement]:
    """Test all comparisons as one family.

    Either test is two one-sided sign-flip tests, with twice the smaller p. Of each log-ratio a side uses the end that
    speaks against it, so that what is found holds wherever in its bracket a latency lies.
    """
    equal, beyond = ([_two_sided(log_ratios, margin) for log_ratios in family] for margin in (0.0, math.log(RELEVANT)))
    adjusted, adjusted_beyond = holm(equal), holm(beyond)
    return [
        Judgement(p, adjusted_p, p_beyond, adjusted_p_beyond, _finding(log_ratios, adjusted_p, adjusted_p_beyond))
        for log_ratios, p, adjusted_p, p_beyond, adjusted_p_beyond in zip(
            family, equal, adjusted, beyond, adjusted_beyond, strict=True
        )
    ]


def _finding(log_ratios: LogRatios, adjusted_p: float, adjusted_p_beyond: float) -> Verdict:
    if adjusted_p_beyond < SIGNIFICANCE:
        above, below = _one_sided(log_ratios, math.log(RELEVANT))
        return Verdict.SLOWER if above < below else Verdict.FASTER
    return Verdict.DIFFERS if adjusted_p < SIGNIFICANCE else Verdict.NO_DIFFERENCE


def _two_sided(log_ratios: LogRatios, margin: float) -> float:
    return min(1.0, 2 * min(_one_sided(log_ratios, margin)))


def _one_sided(log_ratios: LogRatios, margin: float) -> tuple[float, float]:
    """Return the p of lying above the margin, and of lying below its inverse."""
    return p_above(log_ratios.low, margin), p_above(-log_ratios.high, margin)
