"""Many arms against one: a test whose power does not fall with their number.

Under the hypothesis that no arm differs from the baseline, and if the noise of log-latencies is symmetric, all
log-ratios of a block may change their signs together. So the flips of whole blocks give the distribution of the largest
sum of all arms, with which an arm's own sum is compared, the largest first and then among those that are left
(step-down max-T: Westfall and Young, Resampling-Based Multiple Testing, 1993). Holm's correction knows nothing of the
dependence, and needs more blocks with every arm. Where single blocks have spikes the noise is not symmetric, and a
family errs somewhat more often than it should; a test holds how much.
"""

from __future__ import annotations

import itertools

import numpy as np

from bench.analysis.paired_tests import Floats

MAX_BLOCKS = 14


def adjusted_p(log_ratios: Floats) -> list[float]:
    """Return the two-sided p of each arm (row) that it equals the baseline, adjusted for all; columns are blocks.

    A log-ratio that is `nan` tells nothing; all others have to be finite, as one infinite sum would hide all
    differences. With n blocks no p is below `2 / 2**n`, whatever the number of arms.

    Raises:
        ValueError: more than `MAX_BLOCKS` blocks, no arm, or an infinite log-ratio.

    """
    arms, blocks = log_ratios.shape
    if not arms or blocks > MAX_BLOCKS:
        raise ValueError(f"{arms} arms and {blocks} blocks; there must be an arm, and at most {MAX_BLOCKS} blocks")
    if np.isinf(log_ratios).any():
        raise ValueError("an infinite log-ratio has no place in a sum; leave its arm out")
    known = np.nan_to_num(log_ratios, nan=0.0)
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=blocks)))
    sums = np.round(np.abs(signs @ known.T), 9)  # flips by arms; the first row has no sign changed
    adjusted, highest = [1.0] * arms, 0.0
    left = sorted(range(arms), key=lambda arm: -sums[0, arm])
    for step, arm in enumerate(left):
        reached = float((sums[:, left[step:]].max(axis=1) >= sums[0, arm]).mean())
        adjusted[arm] = highest = max(highest, reached)
    return adjusted
