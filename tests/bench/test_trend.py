"""Whether a rise within windows is told from noise."""

from __future__ import annotations

import numpy as np

from bench.analysis.trend import rises

RANDOM = np.random.default_rng(1)


def test_noise_without_a_trend_seldom_rises() -> None:
    found = [rises(list(RANDOM.exponential(size=(10, 10))), 0.05) for _ in range(400)]
    assert np.mean(found) <= 0.05 + 3 * 0.011


def test_a_backlog_rises_in_few_and_short_windows() -> None:
    assert rises([np.array([1.0, 2.0, 3.0])] * 3, 0.05)
    assert not rises([np.array([1.0, 2.0, 3.0])], 0.05)
    assert not rises([np.array([3.0, 2.0, 1.0])] * 3, 0.05)


def test_a_rise_too_small_to_matter_is_none() -> None:
    assert not rises([np.linspace(1, 1.1, 20)] * 5, 0.05)


def test_infinite_seconds_are_the_slowest() -> None:
    assert rises([np.array([1.0, 2.0, np.inf, np.inf])] * 4, 0.05)
    assert not rises([np.full(4, np.inf)] * 4, 0.05)
    assert not rises([np.array([])], 0.05)
