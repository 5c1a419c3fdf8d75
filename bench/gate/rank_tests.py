"""What two independent groups of measurements tell: an exact test on ranks, and an interval that agrees with it.

Everything rests on one argument: if nothing has changed, any choice of which measurements are the new ones is
equally probable. The blocks of two campaigns are not paired: they were not run side by side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.analysis.exact_tests import median_and_ends

ERROR = 0.05
"""How often a family of comparisons may find something worse where nothing has changed."""

Floats = NDArray[np.float64]


class Shift(NamedTuple):
    """By how much the new values lie above the old, with a 90 % interval: 5 % of the error are on each side.

    `centre` is `nan` where it cannot be known, because values on both sides are infinite.
    """

    centre: float
    low: float
    high: float


def p_larger(old: Floats, new: Floats) -> float:
    """Return the chance that ranks of `new` drawn at random are as large as they are, exact with ties too."""
    doubled = np.rint(2 * rankdata([*old, *new])).astype(int)  # those of equal size share a rank: 2.5 becomes 5
    chances = _rank_sums(tuple(sorted(doubled.tolist())), len(new))
    return min(1.0, float(chances[doubled[len(old) :].sum() :].sum()))


def smallest_p(old: int, new: int) -> float:
    """Return the p of two groups that do not overlap: no two groups of these sizes can have a smaller one."""
    return 1 / math.comb(old + new, new)


def blocks_needed(family: int) -> int:
    """Return how many blocks each side needs before anything can be found in a family of comparisons."""
    blocks = 1
    while family * smallest_p(blocks, blocks) > ERROR:
        blocks += 1
    return blocks


def shift(old: Floats, new: Floats) -> Shift:
    """Return the Hodges-Lehmann estimate of how far `new` lies above `old`, and all shifts that are not rejected."""
    with np.errstate(invalid="ignore"):  # inf less inf: which is larger is not known
        differences = np.subtract.outer(new, old).ravel()
    least = len(new) * (len(new) + 1) // 2
    chances = _rank_sums(tuple(range(1, len(old) + len(new) + 1)), len(new))[least:]
    cut = int(np.searchsorted(np.cumsum(chances), ERROR * (1 + 1e-9), side="right"))
    return Shift(*median_and_ends(differences, cut))


@lru_cache(maxsize=64)
def _rank_sums(ranks: tuple[int, ...], chosen: int) -> Floats:
    """Return the chance of each sum 0, 1, 2, ... of `chosen` ranks drawn without return."""
    ways = np.zeros((chosen + 1, sum(ranks) + 1))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    chances: Floats = ways[chosen] / math.comb(len(ranks), chosen)
    return chances
