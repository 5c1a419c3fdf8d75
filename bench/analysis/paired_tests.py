"""What pairs of measurements tell: an exact test, an interval that agrees with it, and Holm's correction.

Everything rests on one argument: within a block the order of the arms is drawn, so if two arms are equal, each
log-ratio of a block is as likely to be positive as negative. All `2**n` choices of signs are equally probable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIGNIFICANCE = 0.05
DIGITS = 12  # of a log-ratio less a bound: what is exactly on the bound lies on it, whatever its last bit

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A log-ratio and its 95 % interval, unless told otherwise.

    An end is infinite where there is no bound; what cannot be known is `nan`.
    """

    centre: float
    low: float
    high: float


def p_value(log_ratios: Floats) -> float:
    """Return the two-sided p of the sign-flip test on signed ranks, exact for any number of pairs.

    An infinite log-ratio has the highest rank. One that is 0 or `nan` (both sides infinite) tells nothing.
    """
    return min(1.0, 2 * min(p_above(log_ratios), p_above(-log_ratios)))


def p_above(log_ratios: Floats, bound: float = 0.0) -> float:
    """Return the one-sided p of the sign-flip test that log-ratios are not above `bound`; exact as `p_value` is."""
    beyond = np.round(log_ratios - bound, DIGITS)
    telling = beyond[~np.isnan(beyond) & (beyond != 0)]
    ranks = _doubled_ranks(np.abs(telling))
    chances = _rank_sums(tuple(sorted(ranks.tolist())))
    return min(1.0, float(chances[int(ranks[telling > 0].sum()) :].sum()))


def estimate(log_ratios: Floats, error_rate: float = SIGNIFICANCE) -> Estimate:
    """Return the Hodges-Lehmann estimate, and the interval of all shifts that `p_value` does not reject.

    The interval misses the truth with a probability of `error_rate`, half of it on each side. Too few pairs can reject
    no shift: with fewer than six, a 95 % interval has no bounds.
    """
    number = len(log_ratios)
    if number == 0:
        return Estimate(math.nan, -math.inf, math.inf)
    first, second = np.triu_indices(number)
    with np.errstate(invalid="ignore"):  # inf less inf: which side is larger is not known
        averages = (log_ratios[first] + log_ratios[second]) / 2
    chances = _rank_sums(tuple(range(2, 2 * number + 1, 2)))
    cut = int(np.searchsorted(np.cumsum(chances[::2]), error_rate / 2, side="right"))
    return median_and_ends(averages, cut)


def median_and_ends(values: Floats, cut: int) -> Estimate:
    """Return the median of `values`, and the `cut`-th from either end; there is no bound where `cut` is 0.

    A `nan` among them may be anything, so it counts against each of the three.
    """
    unknown = np.isnan(values)
    at_least = np.sort(np.where(unknown, -math.inf, values))
    at_most = np.sort(np.where(unknown, math.inf, values))
    lowest, highest = _median(at_least), _median(at_most)
    centre = lowest if lowest == highest else math.nan
    if cut == 0:
        return Estimate(centre, -math.inf, math.inf)
    return Estimate(centre, float(at_least[cut - 1]), float(at_most[-cut]))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for being a family, by Holm's step-down method."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def blocks_needed(comparisons: int) -> int:
    """Return how many blocks to plan, so that each of `comparisons` can have a verdict whatever the others show.

    The smallest p of `n` blocks is `2 / 2**n`, which times the size of the family (Bonferroni) has to be below 0.05.
    It is no condition of a verdict: once others are significant, Holm's correction may find one with fewer blocks.
    """
    return math.ceil(1 + math.log2(comparisons / SIGNIFICANCE))


def _median(ascending: Floats) -> float:
    """Return the median of sorted values, also of infinite ones."""
    number = len(ascending)
    low, high = float(ascending[(number - 1) // 2]), float(ascending[number // 2])
    return low if low == high else (low + high) / 2


def _doubled_ranks(sizes: Floats) -> NDArray[np.int64]:
    """Rank from 1 and double, so that those of equal size can share a rank: 1, 2.5, 2.5, 4 as 2, 5, 5, 8."""
    rows = sizes[:, None]
    doubled: NDArray[np.int64] = 2 * (rows > sizes).sum(axis=1) + (rows == sizes).sum(axis=1) + 1
    return doubled


@cache
def _rank_sums(ranks: tuple[int, ...]) -> Floats:
    """Return the chance of each sum 0, 1, 2, ... that ranks have which are counted or not with even chances."""
    chances = np.ones(1)
    for rank in ranks:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    return chances
