"""When each message is due, and which user sends it: an open loop, made before the window begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import Integers

Sizes = Sequence[int] | Integers
"""How many users each room has."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The offered load: messages a second, of each room or of each user."""

    per_second: float
    of_each_user: bool

    def in_room(self, users: int) -> float:
        """Messages a second that a room of `users` users offers."""
        return self.per_second * users if self.of_each_user else self.per_second

    def in_rooms(self, sizes: Sizes) -> float:
        """Messages a second that rooms with so many users offer together."""
        return self.per_second * (int(np.sum(sizes)) if self.of_each_user else len(sizes))


@dataclass(frozen=True, slots=True)
class Burst:
    """For `length_ns` from `start_ns` on, messages come `factor` times as fast; 1 is no burst."""

    factor: float
    start_ns: int
    length_ns: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due times in nanoseconds since the start, ascending, and each one's sender.

    A sender is a position, from 0, among the users of all rooms, room after room.
    """

    due_ns: Integers
    sender: Integers


def constant(rate: Rate, sizes: Sizes, duration_ns: int, random: np.random.Generator) -> Schedule:
    """Evenly spaced messages: a room's users take turns in a seeded order, or each keeps its own period and phase.

    Rooms take turns, too, in a seeded order, so that the messages of all together are evenly spaced.
    """
    period_ns = 1e9 / rate.per_second
    users = int(np.sum(sizes))
    if rate.of_each_user:
        turns = np.arange(int(np.ceil(duration_ns / period_ns)) + 1)
        phase = random.random(users)
        due = (np.repeat(turns, users) + np.tile(phase, len(turns))) * period_ns
        sender = np.tile(np.arange(users), len(turns))
    else:
        turns = np.arange(np.ceil(duration_ns * rate.per_second / 1e9))
        phase = random.permutation(len(sizes)) / len(sizes)
        due = ((turns[:, None] + phase) * period_ns).ravel()
        senders = [np.resize(first + random.permutation(size), len(turns)) for first, size in _firsts_and_sizes(sizes)]
        sender = np.stack(senders, axis=1).ravel()
    return _within(due, sender, duration_ns)


def poisson(rate: Rate, sizes: Sizes, duration_ns: int, random: np.random.Generator) -> Schedule:
    """Exponential gaps; each message is by a user drawn at random, so every user's own messages are Poisson too."""
    together = rate.in_rooms(sizes)
    expected = together * duration_ns / 1e9
    enough = int(expected + 10 * np.sqrt(expected) + 20)
    due = np.cumsum(random.exponential(1e9 / together, enough))
    if rate.of_each_user or len(sizes) == 1:
        sender = random.integers(0, int(np.sum(sizes)), enough)
    else:  # rooms differ in size by one user, and are to have the same rate
        first, size = np.array(_firsts_and_sizes(sizes)).T
        room = random.integers(0, len(sizes), enough)
        sender = first[room] + random.integers(0, size[room])
    return _within(due, sender, duration_ns)


def _firsts_and_sizes(sizes: Sizes) -> list[tuple[int, int]]:
    """Return the position of each room's first user, and how many it has."""
    ends = np.cumsum(sizes)
    return list(zip((ends - sizes).tolist(), np.asarray(sizes).tolist(), strict=True))


def with_burst(
    arrival: Arrival, burst: Burst, rate: Rate, sizes: Sizes, duration_ns: int, random: np.random.Generator
) -> Schedule:
    """Make a schedule of any arrival with a burst in it.

    It is made for a time that runs `factor` times as fast during the burst and then mapped to the clock, so that an
    even schedule is even within the burst, too, and a Poisson one Poisson.
    """
    edges_ns = np.clip([0, burst.start_ns, burst.start_ns + burst.length_ns, duration_ns], 0, duration_ns)
    pace = [1, burst.factor, 1]
    inner_ns = np.concatenate([[0], np.cumsum(np.diff(edges_ns) * pace)])
    schedule = arrival(rate, sizes, int(inner_ns[-1]), random)
    due_ns = np.interp(schedule.due_ns, inner_ns, edges_ns)
    return _within(due_ns, schedule.sender, duration_ns)


def _within(due: npt.NDArray[np.floating], sender: Integers, duration_ns: int) -> Schedule:
    due_ns = due.astype(np.int64)
    order = np.argsort(due_ns, kind="stable")
    order = order[due_ns[order] < duration_ns]
    return Schedule(due_ns[order], sender[order].astype(np.int64))


Arrival = Callable[[Rate, Sizes, int, np.random.Generator], Schedule]
ARRIVALS: MappingProxyType[str, Arrival] = MappingProxyType({"constant": constant, "poisson": poisson})
