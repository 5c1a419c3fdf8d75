"""The FIFO queue that the cost model is put into, against what is published and against a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.analysis.fifo_queue import delivery_p_ms, max_users, waiting_shares
from bench.model.message_cost import MessageCost

DIRECT = MessageCost(fixed_us=106, per_member_us=4.40)
"""The costs of `direct` in the first reference campaign."""


def simulated_latency_s(cost: MessageCost, users: int, rate: float, messages: int) -> np.ndarray:
    """Return the latency of one delivery of each message, by Lindley's recursion for the waiting times.

    W(n+1) = max(0, W(n) + S - gap) is the sum of all steps less its least value so far.
    """
    random = np.random.default_rng(1)
    service_s = cost.message_us(users) / 1e6
    walk = np.concatenate([[0.0], np.cumsum(service_s - random.exponential(1 / rate, messages - 1))])
    waiting_s = walk - np.minimum.accumulate(walk)
    reached_s = (cost.fixed_us + random.random(messages) * cost.per_member_us * users) / 1e6
    return np.asarray(waiting_s + reached_s)


@pytest.mark.parametrize(("arrival", "expected_ms"), [("poisson", 52), ("constant", 7.1)])
def test_the_p99_of_direct_with_1600_users(arrival: str, expected_ms: float) -> None:
    assert delivery_p_ms(DIRECT, 1600, 100, 99, arrival) == pytest.approx(expected_ms, rel=0.03)


@pytest.mark.parametrize(("arrival", "expected"), [("poisson", 1590), ("constant", 2263)])
def test_the_users_of_direct_within_50_ms(arrival: str, expected: int) -> None:
    assert max_users(DIRECT, 100, 99, 50, arrival) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("users", [100, 800, 1600])
@pytest.mark.parametrize("percentile", [50, 90, 99])
def test_the_exact_latency_is_that_of_a_million_simulated_messages(users: int, percentile: float) -> None:
    simulated = float(np.percentile(simulated_latency_s(DIRECT, users, 100, 1_000_000), percentile))
    assert delivery_p_ms(DIRECT, users, 100, percentile, "poisson") == pytest.approx(1e3 * simulated, rel=0.03)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9, 0.99])
def test_waiting_times_are_a_distribution_with_the_known_mean(load: float) -> None:
    times_s = np.linspace(0, 2000, 400_001)
    shares = waiting_shares(times_s, 1.0, load)
    assert shares[0] == pytest.approx(1 - load)  # who comes to an idle server does not wait
    assert shares[-1] == pytest.approx(1)
    assert (np.diff(shares) >= -1e-12).all()
    assert np.trapezoid(1 - shares, times_s) == pytest.approx(load / (2 * (1 - load)), rel=1e-3)  # Pollaczek-Khinchine
    assert waiting_shares(np.array([-1.0]), 1.0, load).tolist() == [0]


def test_the_largest_room_is_the_last_within_the_slo() -> None:
    most = max_users(DIRECT, 100, 99, 50, "poisson")
    assert most is not None
    assert delivery_p_ms(DIRECT, most, 100, 99, "poisson") <= 50 < delivery_p_ms(DIRECT, most + 1, 100, 99, "poisson")


def test_edges() -> None:
    assert math.isinf(delivery_p_ms(DIRECT, 2300, 100, 99, "poisson"))
    assert max_users(MessageCost(60_000, 4), 10, 99, 50, "poisson") == 0
    assert max_users(MessageCost(100, 0), 100, 99, 50, "poisson") is None
    assert max_users(MessageCost(100, 1e-12), 100, 99, 50, "poisson") is None
