"""Schedules: the requested load, from a seed."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pytest

from loadtest.options import add_arguments
from loadtest.schedule.arrivals import ARRIVALS, Burst, Rate, with_burst

SECOND_NS = 1_000_000_000


def make(arrival: str, rate: Rate, users: int = 10, seconds: int = 20, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    schedule = ARRIVALS[arrival](rate, [users], seconds * SECOND_NS, np.random.default_rng(seed))
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


class Parser(argparse.ArgumentParser):
    """Stands in for Locust's parser: importing Locust would patch this whole process."""

    def add_argument(self, *names: Any, include_in_web_ui: bool = True, **more: Any) -> argparse.Action:
        del include_in_web_ui
        return super().add_argument(*names, **more)


def test_the_swarm_sends_poisson_unless_told_otherwise() -> None:
    parser = Parser()
    add_arguments(parser)
    assert parser.parse_args([]).arrival == "poisson"
    assert parser.parse_args(["--arrival", "constant"]).arrival == "constant"


def make_burst(arrival: str, burst: Burst, rate: Rate, seconds: int = 20) -> np.ndarray:
    random = np.random.default_rng(1)
    return with_burst(ARRIVALS[arrival], burst, rate, [10], seconds * SECOND_NS, random).due_ns


def in_each_second(due_ns: np.ndarray, seconds: int = 20) -> np.ndarray:
    return np.bincount(due_ns // SECOND_NS, minlength=seconds)


@pytest.mark.parametrize("rate", [Rate(50.0, of_each_user=False), Rate(5.0, of_each_user=True)])
def test_a_burst_multiplies_the_rate_for_its_length_and_only_then(rate: Rate) -> None:
    due_ns = make_burst("constant", Burst(10, 4 * SECOND_NS, SECOND_NS), rate)
    offered = in_each_second(due_ns)
    assert abs(offered[4] - 500) <= 10
    assert (np.abs(np.delete(offered, 4) - 50) <= 10).all()
    assert (np.diff(due_ns) >= 0).all()


def test_a_burst_of_even_messages_is_even() -> None:
    due_ns = make_burst("constant", Burst(10, 4 * SECOND_NS, SECOND_NS), Rate(50.0, of_each_user=False))
    assert len(due_ns) == 19 * 50 + 500
    within = due_ns[(due_ns >= 4 * SECOND_NS) & (due_ns < 5 * SECOND_NS)]
    assert np.abs(np.diff(within) - 2_000_000).max() <= 1


def test_a_burst_of_poisson_messages_is_poisson() -> None:
    offered = in_each_second(make_burst("poisson", Burst(100, 10 * SECOND_NS, 5 * SECOND_NS), Rate(100.0, False)))
    assert np.abs(offered[10:15] - 10_000).max() < 5 * 100
    assert np.abs(np.delete(offered, range(10, 15)) - 100).max() < 5 * 10


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_a_burst_of_factor_one_changes_nothing(arrival: str) -> None:
    rate = Rate(50.0, of_each_user=False)
    due_ns, _ = make(arrival, rate)
    assert np.array_equal(make_burst(arrival, Burst(1, 4 * SECOND_NS, SECOND_NS), rate), due_ns)


def test_what_is_left_of_a_burst_at_the_end_of_a_window_is_cut_off() -> None:
    due_ns = make_burst("constant", Burst(10, 19 * SECOND_NS, 5 * SECOND_NS), Rate(50.0, of_each_user=False))
    assert in_each_second(due_ns).tolist() == [50] * 19 + [500]


ROOM_RATE = Rate(50.0, of_each_user=False)
SIZES = [4, 3, 3]


def in_rooms(arrival: str, rate: Rate = ROOM_RATE, seconds: int = 20) -> tuple[np.ndarray, np.ndarray]:
    schedule = ARRIVALS[arrival](rate, SIZES, seconds * SECOND_NS, np.random.default_rng(1))
    return schedule.due_ns, schedule.sender


def test_one_room_has_the_schedule_that_it_had_before_there_were_rooms() -> None:
    """As recorded campaigns are repeated by their seeds."""
    random = np.random.default_rng(1)
    due = np.arange(1000) * (1e9 / 50)
    even = make("constant", ROOM_RATE)
    assert even[0].tolist() == due.astype(np.int64).tolist()
    assert even[1].tolist() == np.resize(random.permutation(10), 1000).tolist()
    random = np.random.default_rng(1)
    expected = 50.0 * 20
    gaps = random.exponential(1e9 / 50.0, int(expected + 10 * np.sqrt(expected) + 20))
    due_ns, sender = make("poisson", ROOM_RATE)
    assert due_ns.tolist() == np.cumsum(gaps).astype(np.int64)[: len(due_ns)].tolist()
    assert sender.tolist() == random.integers(0, 10, len(gaps))[: len(due_ns)].tolist()


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_each_room_is_offered_the_rate_whatever_its_size(arrival: str) -> None:
    due_ns, sender = in_rooms(arrival)
    assert (np.diff(due_ns) >= 0).all()
    assert due_ns[-1] < 20 * SECOND_NS
    for first, end in ((0, 4), (4, 7), (7, 10)):
        of_room = (sender >= first) & (sender < end)
        assert abs(of_room.sum() - 1000) <= (5 * np.sqrt(1000) if arrival == "poisson" else 0)
        assert set(sender[of_room].tolist()) == set(range(first, end))


def test_even_rooms_take_turns_so_that_all_messages_are_evenly_spaced() -> None:
    due_ns, sender = in_rooms("constant")
    gaps = np.diff(due_ns)
    assert np.abs(gaps - 1e9 / 150).max() <= 1
    rooms = np.searchsorted([4, 7, 10], sender, side="right")
    assert sorted(rooms[:3].tolist()) == [0, 1, 2]
    assert rooms.tolist() == (rooms[:3].tolist() * 1000)


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_a_rate_of_each_user_does_not_depend_on_rooms(arrival: str) -> None:
    rate = Rate(5.0, of_each_user=True)
    assert rate.in_rooms(SIZES) == rate.in_room(10)
    alone, spread = make(arrival, rate), in_rooms(arrival, rate)
    assert spread[0].tolist() == alone[0].tolist()
    assert spread[1].tolist() == alone[1].tolist()
