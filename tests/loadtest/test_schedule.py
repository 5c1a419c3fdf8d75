"""Schedules: the offered load that was asked for, from a seed."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.schedule import ARRIVALS, Rate

SECOND_NS = 1_000_000_000


def make(arrival: str, rate: Rate, users: int = 10, seconds: int = 20, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    schedule = ARRIVALS[arrival](rate, users, seconds * SECOND_NS, np.random.default_rng(seed))
    return schedule.due_ns, schedule.sender


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("rate", [Rate(50.0, of_each_user=False), Rate(5.0, of_each_user=True)])
def test_every_arrival_offers_the_rate_in_order_within_the_time(arrival: str, rate: Rate) -> None:
    due_ns, sender = make(arrival, rate)
    expected = rate.in_room(10) * 20
    assert abs(len(due_ns) - expected) <= (5 * np.sqrt(expected) if arrival == "poisson" else 0)
    assert (np.diff(due_ns) >= 0).all()
    assert due_ns[0] >= 0
    assert due_ns[-1] < 20 * SECOND_NS
    assert set(sender.tolist()) == set(range(10))


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_a_seed_makes_the_same_schedule_and_another_seed_another(arrival: str) -> None:
    first, again, other = (make(arrival, Rate(50.0, of_each_user=False), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_constant_room_rate_is_evenly_spaced_and_users_take_turns() -> None:
    due_ns, sender = make("constant", Rate(100.0, of_each_user=False))
    assert set(np.diff(due_ns).tolist()) == {10_000_000}
    assert sorted(sender[:10].tolist()) == list(range(10))


def test_constant_user_rate_keeps_each_users_own_period() -> None:
    due_ns, sender = make("constant", Rate(4.0, of_each_user=True))
    for user in range(10):
        gaps = np.diff(due_ns[sender == user])
        assert len(gaps) == 79
        assert np.abs(gaps - 250_000_000).max() <= 1


def test_poisson_gaps_are_exponential() -> None:
    due_ns, _ = make("poisson", Rate(500.0, of_each_user=False), seconds=100)
    gaps_s = np.diff(due_ns) / 1e9
    assert gaps_s.mean() == pytest.approx(1 / 500, rel=0.03)
    assert gaps_s.std() == pytest.approx(1 / 500, rel=0.03)
    assert (gaps_s > 2 / 500).mean() == pytest.approx(np.exp(-2), rel=0.05)
