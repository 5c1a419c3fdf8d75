"""What a server that handles one message after the other makes of a load: the delivery latency of a FIFO queue.

Messages wait in the order in which they come, and each takes the same time: with Poisson arrivals that is the queue
M/D/1. Its waiting time is computed exactly, by G. J. Franx, "A simple solution for the M/D/c waiting time
distribution", Operations Research Letters 29 (2001), 221-229, whose sum has no alternating signs, unlike Erlang's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.model.message_cost import MessageCost

POSITIONS = 1000
"""So many positions in the room stand for all of them."""
MAX_TERMS = 40
"""Terms of sums over the arrivals in one service, which is shorter than the gap between two: they fall like 1/j!."""
MAX_LOAD = 0.999
"""Nearer to its capacity a queue with Poisson arrivals does not reach its balance in any window."""
MAX_USERS = 10_000_000

Floats = NDArray[np.float64]


def delivery_p_ms(cost: MessageCost, users: int, rate: float, percentile: float, arrival: str) -> float:
    """Return a percentile of the delivery latency that the queue predicts, milliseconds; `inf` without capacity left.

    `percentile` is from 0 to 100, `rate` in messages/s, `arrival` is `poisson` or `constant`.
    """
    from scipy.optimize import brentq  # here and below, as they take a second to load

    service_s = cost.message_us(users) / 1e6
    if _is_overloaded(service_s, rate, arrival):
        return math.inf
    share_within = _share_within(cost, users, rate, arrival)
    highest_s = service_s
    while share_within(highest_s) < percentile / 100:
        highest_s *= 2
    return 1e3 * float(brentq(lambda time_s: share_within(time_s) - percentile / 100, 0, highest_s, xtol=1e-8))


def max_users(cost: MessageCost, rate: float, percentile: float, slo_ms: float, arrival: str) -> int | None:
    """Return the largest room whose delivery latency the queue predicts to be within an SLO; 0 if none is.

    It is `None` where the members cost next to nothing, so that a room of `MAX_USERS` is. The fixed cost has to be at
    least 0. Units are those of `delivery_p_ms`.
    """

    def is_within(users: int) -> bool:
        if _is_overloaded(cost.message_us(users) / 1e6, rate, arrival):
            return False
        return _share_within(cost, users, rate, arrival)(slo_ms / 1e3) >= percentile / 100

    if cost.per_member_us <= 0 or is_within(MAX_USERS):
        return None
    within, beyond = 0, 1
    while is_within(beyond):
        within, beyond = beyond, 2 * beyond
    while beyond - within > 1:
        middle = (within + beyond) // 2
        within, beyond = (middle, beyond) if is_within(middle) else (within, middle)
    return within


def waiting_shares(times_s: Floats, service_s: float, rate: float) -> Floats:
    """Return the share of messages that wait at most each time in the queue M/D/1; it has to be below capacity."""
    from scipy.special import gammaln

    turns = np.floor(np.maximum(times_s, 0) / service_s).astype(int) + 1
    queue_length = _queue_length_shares(rate * service_s, int(turns.max()))
    terms = np.arange(min(MAX_TERMS, int(turns.max())))
    mean = np.maximum(rate * (turns * service_s - np.maximum(times_s, 0)), np.finfo(float).tiny)
    weights = np.exp(terms * np.log(mean)[:, None] - mean[:, None] - gammaln(terms + 1))
    index = turns[:, None] - 1 - terms
    shares = np.where(index >= 0, queue_length[np.maximum(index, 0)], 0.0)
    found: Floats = np.where(times_s < 0, 0.0, (weights * shares).sum(axis=1))
    return np.minimum(found, 1.0)


def _queue_length_shares(load: float, number: int) -> Floats:
    """Return the shares of time in which at most 0, 1, ... `number` - 1 messages wait, without the one that is served.

    In balance, going from n or fewer messages in the system to more is as frequent as the way back. That makes a
    recursion of positive terms: n + 1 messages are left downwards by a service without an arrival, and n is passed
    upwards by a service with so many arrivals or more.
    """
    from scipy.signal import lfilter
    from scipy.special import gammainc

    at_least = gammainc(np.arange(1, number + 1), load)  # 1, 2, ... arrivals in one service
    feedback = np.concatenate([[math.exp(-load)], -at_least[1:MAX_TERMS]])
    in_system: Floats = lfilter([1.0], feedback, (1 - load) * at_least)  # 1, 2, ... messages
    shares: Floats = np.minimum(1 - load + np.cumsum(in_system), 1.0)
    return shares


def _share_within(cost: MessageCost, users: int, rate: float, arrival: str) -> Callable[[float], float]:
    """Return the share of deliveries that are made within a time, seconds; the server has to have capacity left."""
    positions = (np.arange(POSITIONS) + 0.5) / POSITIONS
    reached_s = (cost.fixed_us + positions * cost.per_member_us * users) / 1e6
    service_s = cost.message_us(users) / 1e6

    def share(time_s: float) -> float:
        left_s = time_s - reached_s
        if arrival == "constant":
            return float((left_s >= 0).mean())
        return float(waiting_shares(left_s, service_s, rate).mean())

    return share


def _is_overloaded(service_s: float, rate: float, arrival: str) -> bool:
    load = rate * service_s
    return load > (1 if arrival == "constant" else MAX_LOAD)
