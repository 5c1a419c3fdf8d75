"""The exact test and its interval, against a plain enumeration of all signs."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.analysis.paired_tests import Floats, blocks_needed, estimate, holm, p_value

LOG_RATIOS = st.lists(
    st.one_of(st.integers(-4, 4).map(float), st.sampled_from([math.inf, -math.inf])), min_size=1, max_size=8
)


def enumerated_p(log_ratios: list[float]) -> float:
    """Give every pair either sign and count the signed-rank sums as far from 0 as the one that was seen."""
    telling = [value for value in log_ratios if value != 0]
    sizes = sorted(abs(value) for value in telling)
    ranks = [statistics.mean([place for place, size in enumerate(sizes, 1) if size == abs(value)]) for value in telling]
    seen = abs(sum(rank * math.copysign(1, value) for rank, value in zip(ranks, telling, strict=True)))
    sums = [
        abs(sum(rank * sign for rank, sign in zip(ranks, signs, strict=True)))
        for signs in itertools.product((1.0, -1.0), repeat=len(ranks))
    ]
    return float(np.mean([one >= seen for one in sums]))


@given(LOG_RATIOS)
def test_p_is_the_share_of_all_signs_that_are_as_far_off(log_ratios: list[float]) -> None:
    assert p_value(np.array(log_ratios)) == pytest.approx(enumerated_p(log_ratios), abs=1e-12)


def test_p_of_blocks_that_all_agree_halves_with_each() -> None:
    assert [p_value(np.arange(1.0, blocks + 1)) for blocks in (1, 2, 5, 10)] == [1, 0.5, 2 / 2**5, 2 / 2**10]
    assert p_value(np.array([])) == 1


def test_blocks_in_which_both_are_infinite_tell_nothing() -> None:
    told = [0.1, 0.2, 0.3]
    assert p_value(np.array([*told, math.nan])) == p_value(np.array(told))


# Apart by more than a rounding error, so that no shift makes two of them equal.
APART = st.integers(-1_000, 1_000).map(lambda number: number / 1_000)


@given(st.lists(APART, min_size=6, max_size=12, unique=True), st.floats(-2, 2))
def test_the_interval_holds_the_shifts_that_the_test_does_not_reject(values: list[float], shift: float) -> None:
    log_ratios = np.array(values)
    found = estimate(log_ratios)
    assert found.low <= found.centre <= found.high
    averages = [(one + other) / 2 for one, other in itertools.combinations_with_replacement(values, 2)]
    assume(min(abs(average - shift) for average in averages) > 1e-9)
    assert (found.low < shift < found.high) == (p_value(log_ratios - shift) > 0.05)


def test_too_few_pairs_have_an_interval_without_bounds() -> None:
    assert estimate(np.arange(5.0)) == (2, -math.inf, math.inf)
    assert estimate(np.arange(6.0)) == (2.5, 0, 5)
    assert math.isnan(estimate(np.array([])).centre)


def test_infinite_pairs_open_the_interval_on_their_side() -> None:
    some = estimate(np.array([math.inf, 3, 3, 4, 4, 5, 5, 6, 6, 7]))
    assert some.centre == pytest.approx(5)
    assert some.high == math.inf
    assert 3 < some.low < 5
    assert estimate(np.full(10, math.inf)) == (math.inf, math.inf, math.inf)
    assert estimate(np.full(10, -math.inf)) == (-math.inf, -math.inf, -math.inf)


def test_pairs_that_are_infinite_on_both_sides_may_lie_anywhere() -> None:
    mostly: Floats = np.array([*np.arange(1.0, 10), math.nan])
    assert estimate(mostly).low < estimate(mostly[:-1]).low
    assert estimate(mostly).high == math.inf
    nothing = estimate(np.full(10, math.nan))
    assert (math.isnan(nothing.centre), nothing.low, nothing.high) == (True, -math.inf, math.inf)


def test_holm_adjusts_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize("comparisons", [1, 2, 5, 10, 18, 25, 26, 100])
def test_blocks_needed_are_the_fewest_that_can_make_a_claim(comparisons: int) -> None:
    needed = blocks_needed(comparisons)
    assert comparisons * p_value(np.arange(1.0, needed + 1)) < 0.05
    assert comparisons * p_value(np.arange(1.0, needed)) >= 0.05
