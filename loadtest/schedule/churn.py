"""Which users leave and rejoin while a window runs: churn, and reconnect storms; planned before it begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtest.schedule.window_order import WindowOrder


@dataclass(frozen=True, slots=True)
class Departure:
    """At `time_ns` a user leaves, to rejoin `away_s` seconds later; if `is_drop`, without a close handshake."""

    time_ns: int
    user: int
    away_s: float
    is_drop: bool


@dataclass(frozen=True, slots=True)
class Churn:
    """How many users a second are replaced by new ones, when all drop at once, and how many a second do: 0 for never.

    Those that drop rejoin within `away_s` seconds, at uniformly random times.
    """

    churn_rate: float
    storm_after_ns: int
    away_s: float
    drop_rate: float = 0.0

    def __bool__(self) -> bool:
        """Whether any user ever leaves."""
        return bool(self.churn_rate or self.storm_after_ns or self.drop_rate)

    def departures(self, order: WindowOrder, random: np.random.Generator) -> list[Departure]:
        """Plan the departures of a window and its warm-up, by time."""
        span_ns = order.end_ns - order.begin_ns
        leavers = random.poisson(self.churn_rate * span_ns / 1e9)
        times_ns = order.begin_ns + random.integers(0, span_ns, leavers)
        users = random.choice(order.members, leavers)
        planned = [
            Departure(time_ns, user, 0.0, is_drop=False)
            for time_ns, user in zip(times_ns.tolist(), users.tolist(), strict=True)
        ]
        if self.storm_after_ns:
            away_s = random.uniform(0, self.away_s, len(order.members))
            planned += [
                Departure(order.start_ns + self.storm_after_ns, user, away, is_drop=True)
                for user, away in zip(order.members, away_s.tolist(), strict=True)
            ]
        if self.drop_rate:
            drops = random.poisson(self.drop_rate * span_ns / 1e9)
            times_ns = order.begin_ns + random.integers(0, span_ns, drops)
            users, away_s = random.choice(order.members, drops), random.uniform(0, self.away_s, drops)
            planned += [
                Departure(time_ns, user, away, is_drop=True)
                for time_ns, user, away in zip(times_ns.tolist(), users.tolist(), away_s.tolist(), strict=True)
            ]
        return sorted(planned, key=lambda departure: departure.time_ns)
