"""Whether the latency within windows rises from second to second, tested over the blocks of one place."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.analysis.paired_tests import Floats

MIN_RISE = 1.25
"""A rise is one where the second half of a window is at least so many times as slow as its first."""


def rises(blocks: Sequence[Floats], significance: float) -> bool:
    """Tell whether latencies, an array of the seconds of each block, rise within the windows.

    The rise has to be significant by Mann and Kendall's test, stratified by block (its statistics and their variances
    are summed: Hirsch, Slack and Smith 1982; ties are taken as they are, which is conservative), and at least
    `MIN_RISE` in the median block. Infinite latencies count as the highest.
    """
    score = sum(_concordance(seconds) for seconds in blocks)
    variance = sum(len(seconds) * (len(seconds) - 1) * (2 * len(seconds) + 5) / 18 for seconds in blocks)
    if variance == 0 or _normal_above((score - 1) / math.sqrt(variance)) >= significance:
        return False
    return float(np.median([_rise(seconds) for seconds in blocks])) >= MIN_RISE


def _normal_above(value: float) -> float:
    """Return the probability that a standard normal variable is above a value."""
    return math.erfc(value / math.sqrt(2)) / 2


def _concordance(seconds: Floats) -> int:
    """Count the pairs of seconds of which the later is slower, less those of which it is faster."""
    earlier, later = np.triu_indices(len(seconds), 1)
    return int((seconds[later] > seconds[earlier]).sum()) - int((seconds[later] < seconds[earlier]).sum())


def _rise(seconds: Floats) -> float:
    """Return the median of the second half by that of the first; without a middle second, where there is one."""
    half = len(seconds) // 2
    if half == 0:
        return 1.0
    first, second = float(np.median(seconds[:half])), float(np.median(seconds[-half:]))
    return 1.0 if first == second else second / first
