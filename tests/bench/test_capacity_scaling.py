"""The scalability law: recovered where it was put in, and not claimed where there is nothing to see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.capacity.scaling import Point, fit

LOADS = (50, 100, 200, 400, 566, 673, 800, 1600)
RATE = 100.0


def points(per_load: dict[int, float], noise: float = 0.0, seed: int = 1) -> list[Point]:
    factors = np.random.default_rng(seed).normal(1, noise, len(per_load))
    return [
        Point(load, RATE * load, delivered * float(factor))
        for (load, delivered), factor in zip(per_load.items(), factors, strict=True)
    ]


def law(sigma: float, kappa: float, loads: tuple[int, ...] = LOADS) -> dict[int, float]:
    return {n: RATE * n / (1 + sigma * (n - 1) + kappa * n * (n - 1)) for n in loads}


@given(st.floats(1e-4, 1e-2), st.floats(2e-6, 1e-4), st.integers(0, 1000))
def test_a_curve_that_bends_back_is_recovered(sigma: float, kappa: float, seed: int) -> None:
    scaling = fit(points(law(sigma, kappa), noise=0.005, seed=seed))
    assert scaling.curve is not None
    assert scaling.curve.slope == pytest.approx(RATE, rel=0.1)
    assert scaling.curve.kappa == pytest.approx(kappa, rel=0.15)
    assert scaling.curve.sigma == pytest.approx(sigma, abs=0.1 * sigma + 100 * kappa)
    peak = math.sqrt((1 - sigma) / kappa)
    assert scaling.peak_load == pytest.approx(peak, rel=0.1)
    assert f"at a load of {scaling.peak_load:,.0f}; more load means fewer" in scaling.finding


def test_exact_points_give_the_exact_parameters() -> None:
    curve = fit(points(law(2e-3, 5e-6))).curve
    assert curve is not None
    assert (curve.slope, curve.sigma, curve.kappa) == pytest.approx((RATE, 2e-3, 5e-6), rel=1e-3)
    assert curve.error < 1e-6


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_straight_line_has_nothing_to_fit(noise: float) -> None:
    scaling = fit(points(law(0, 0), noise))
    assert scaling.finding.startswith("no peak in range: 95% or more of what was offered was delivered at every load")
    assert (scaling.curve, scaling.peak_load) == (None, None)


def test_points_that_no_curve_comes_near_have_no_fit() -> None:
    loads, shares = (100, 10_000, 10_000, 3_200, 50, 50), (1, 0.1, 0.5, 0.343, 0.9, 1)
    offered_per_s = (1e4, 1e6, 1e4, 10.2e6, 50, 5e3)
    cases = zip(loads, offered_per_s, shares, strict=True)
    scaling = fit([Point(load, rate, rate * share) for load, rate, share in cases])
    assert scaling.finding.startswith("no fit: ")
    assert scaling.curve is None


def test_throughput_that_levels_off_has_no_peak() -> None:
    scaling = fit(points(law(5e-3, 0), noise=0.01))
    assert scaling.finding == "no peak in range: delivered throughput levels off, and nothing says that it falls"
    assert scaling.curve is not None
    assert scaling.curve.sigma == pytest.approx(5e-3, rel=0.2)
    assert scaling.peak_load is None


def test_a_peak_beyond_the_largest_load_is_not_claimed() -> None:
    scaling = fit(points(law(1e-4, 1e-7), noise=0.002))
    assert scaling.curve is not None
    assert scaling.curve.peak_load > LOADS[-1]
    assert scaling.finding == "no peak in range: the curve rises up to 1,600, the largest load tried"
    assert scaling.peak_load is None


def test_a_collapse_that_no_curve_follows_is_said_to_be_none() -> None:
    collapsed = {n: RATE * n if n < 500 else 500.0 for n in LOADS}
    scaling = fit(points(collapsed))
    assert scaling.finding.startswith("no fit: the points are ")
    assert scaling.curve is None


def test_three_loads_are_too_few_however_often_they_were_tried() -> None:
    scaling = fit(points(law(1e-3, 1e-5, (50, 100, 200))) * 3)
    assert scaling.finding == "no fit: 3 different loads, at least 4 are needed"


def test_a_try_that_delivered_nothing_is_no_point() -> None:
    assert fit([*points(law(1e-3, 1e-5, (50, 100, 200))), Point(400, 40_000, 0)]).curve is None
