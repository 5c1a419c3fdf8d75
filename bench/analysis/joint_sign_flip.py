"""Many arms against one: a test whose power does not fall with their number.

Under the hypothesis that no arm differs from the baseline, all log-ratios of a block may change their signs together,
as the order within the block was drawn. So the flips of whole blocks give the distribution of the largest sum of all
arms, with which an arm's own sum is compared, the largest first and then among those that are left (step-down max-T:
Westfall and Young, Resampling-Based Multiple Testing, 1993). Holm's correction knows nothing of the dependence, and
needs more blocks with every arm.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from bench.analysis.paired_tests import Floats

MAX_LOG_RATIO = math.log(1000)
"""What is infinitely slower counts as a thousand times as slow: a sum has to be finite."""
MAX_BLOCKS = 14


def adjusted_p(log_ratios: Floats) -> list[float]:
    """Return the two-sided p of each arm (row) that it equals the baseline, adjusted for all; columns are blocks.

    A log-ratio that is `nan` tells nothing. With n blocks no p is below `2 / 2**n`, whatever the number of arms.

    Raises:
        ValueError: more than `MAX_BLOCKS` blocks, or no arm.

    """
    arms, blocks = log_ratios.shape
    if not arms or blocks > MAX_BLOCKS:
        raise ValueError(f"{arms} arms and {blocks} blocks; there must be an arm, and at most {MAX_BLOCKS} blocks")
    known = np.nan_to_num(np.clip(log_ratios, -MAX_LOG_RATIO, MAX_LOG_RATIO), nan=0.0)
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=blocks)))
    sums = np.round(np.abs(signs @ known.T), 9)  # flips by arms; the first row has no sign changed
    adjusted, highest = [1.0] * arms, 0.0
    left = sorted(range(arms), key=lambda arm: -sums[0, arm])
    for step, arm in enumerate(left):
        reached = float((sums[:, left[step:]].max(axis=1) >= sums[0, arm]).mean())
        adjusted[arm] = highest = max(highest, reached)
    return adjusted
