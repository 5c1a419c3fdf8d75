"""The test of many arms against one: exact where it can be counted, and honest under the hypothesis."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.analysis.joint_sign_flip import adjusted_p


def test_six_blocks_that_agree_are_significant_whatever_the_number_of_arms() -> None:
    random = np.random.default_rng(1)
    much = np.log(2) + random.normal(0, 0.05, (1, 6))
    little = random.normal(0, 0.05, (40, 6))
    p = adjusted_p(np.vstack([much, little]))
    assert p[0] == 2 / 64
    assert min(p[1:]) > 0.05


def test_a_smaller_difference_is_found_beside_larger_ones() -> None:
    """The larger are taken out once they are found: single-step they would hide it."""
    blocks = np.array([1.0, 1.1, 0.9, 1.05, 0.95, 1.0])
    assert adjusted_p(np.array([5 * blocks, -blocks / 5])) == [2 / 64, 2 / 64]


def test_all_p_of_two_arms_by_hand() -> None:
    """Of the four flips of two blocks, all but one pair change the sums 3 and 1 into 1 and 3."""
    assert adjusted_p(np.array([[1.0, 2.0], [2.0, -1.0]])) == [1.0, 1.0]
    assert adjusted_p(np.array([[1.0, 2.0]])) == [0.5]


def test_unknown_ratios_tell_nothing_and_infinite_ones_are_refused() -> None:
    assert adjusted_p(np.array([[math.nan] * 6, [1.0] * 6])) == [1.0, 2 / 64]
    with pytest.raises(ValueError, match="infinite"):
        adjusted_p(np.array([[math.inf] * 6]))


def test_under_the_hypothesis_one_campaign_in_twenty_claims_something() -> None:
    random = np.random.default_rng(7)
    claims = 0
    for _ in range(400):
        shared = random.normal(0, 0.2, 7)  # the baseline's noise is in every ratio
        claims += min(adjusted_p(random.normal(0, 0.1, (20, 7)) - shared)) <= 0.05
    assert claims <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)


def test_spikes_make_it_err_somewhat_more_often() -> None:
    """One block in ten of an arm, or of the baseline, has twice the latency: no longer symmetric."""
    random = np.random.default_rng(11)

    def noise(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return random.normal(0, 0.05, shape) + math.log(2) * (random.random(shape) < 0.1)

    claims = sum(min(adjusted_p(noise(20, 6) - noise(1, 6))) <= 0.05 for _ in range(300))
    assert claims <= 300 * 0.10


def test_too_many_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 14 blocks"):
        adjusted_p(np.zeros((1, 15)))
    with pytest.raises(ValueError, match="there must be an arm"):
        adjusted_p(np.zeros((0, 6)))
