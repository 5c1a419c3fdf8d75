"""Rank tests of two independent groups of measurements: an exact test, and the confidence interval that inverts it.

The null hypothesis is exchangeability: if nothing has changed, any choice of which measurements are the new ones is
equally probable. The blocks of two campaigns are not paired: they were not run side by side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.paired_tests import median_and_ends

FAMILY_ERROR_RATE = 0.05
"""How often a family of comparisons may find something worse where nothing has changed."""

Floats = NDArray[np.float64]


class Shift(NamedTuple):
    """By how much the new values lie above the old, with a 90 % interval: an error of 5 % on each side.

    `centre` is `nan` where it is unknown, because values on both sides are infinite.
    """

    centre: float
    low: float
    high: float


def p_larger(old: Floats, new: Floats) -> float:
    """Return the probability that randomly drawn ranks of `new` sum to at least their sum; exact with ties too."""
    from scipy.stats import rankdata  # here, as it takes more than a second to load

    doubled = np.rint(2 * rankdata([*old, *new])).astype(int)  # ties share a rank: 2.5 becomes 5
    probabilities = _rank_sums(tuple(sorted(doubled.tolist())), len(new))
    return min(1.0, float(probabilities[doubled[len(old) :].sum() :].sum()))


def smallest_p(old: int, new: int) -> float:
    """Return the p of two groups that do not overlap, the smallest possible one for groups of these sizes."""
    return 1 / math.comb(old + new, new)


def blocks_needed(family: int) -> int:
    """Return how many blocks each side needs before a family of comparisons can find any difference."""
    blocks = 1
    while family * smallest_p(blocks, blocks) > FAMILY_ERROR_RATE:
        blocks += 1
    return blocks


def shift(old: Floats, new: Floats) -> Shift:
    """Return the Hodges-Lehmann estimate of how far `new` is above `old`, with the interval of shifts not rejected."""
    with np.errstate(invalid="ignore"):  # inf - inf: which is larger is unknown
        differences = np.subtract.outer(new, old).ravel()
    min_sum = len(new) * (len(new) + 1) // 2
    probabilities = _rank_sums(tuple(range(1, len(old) + len(new) + 1)), len(new))[min_sum:]
    cut = int(np.searchsorted(np.cumsum(probabilities), FAMILY_ERROR_RATE * (1 + 1e-9), side="right"))
    return Shift(*median_and_ends(differences, cut))


@lru_cache(maxsize=64)
def _rank_sums(ranks: tuple[int, ...], chosen: int) -> Floats:
    """Return the probability of each sum 0, 1, 2, ... of `chosen` ranks drawn without replacement."""
    ways = np.zeros((chosen + 1, sum(ranks) + 1))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    probabilities: Floats = ways[chosen] / math.comb(len(ranks), chosen)
    return probabilities
