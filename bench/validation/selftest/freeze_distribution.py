"""The latency distribution that freezing a server must leave, worked out on paper."""

from __future__ import annotations

from dataclasses import dataclass


def frozen_latency_s(quantile: float, freeze_s: float, window_s: float) -> float:
    """Return a quantile (0 to 1) of the latency, in seconds, that one freeze within a window leaves.

    Messages are evenly spaced, and the server takes no time when it is awake. A message sent `s` seconds before the
    server wakes up waits `s` seconds. So `(freeze_s - x) / window_s` of all messages wait longer than `x`, and a
    quantile is that, solved for `x`.
    """
    return max(0.0, freeze_s - (1 - quantile) * window_s)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Between which two latencies each quantile must lie, whatever the order in which the server works off its backlog.

    No message of the freeze comes before the server wakes up. That is the lower bound, and takes the freeze as short as
    it may have been. All of them have come when the server first has nothing to do, at most `catch_up_s` after it woke
    up, so nothing waits longer than if the freeze had lasted until then. That is the upper bound: the freeze as long as
    it may have been, the time to catch up, and the latency of an undisturbed message on top. All times are in seconds.
    """

    shortest_freeze_s: float
    longest_freeze_s: float
    catch_up_s: float
    undisturbed_s: float
    window_s: float

    def bounds_s(self, quantile: float) -> tuple[float, float]:
        """Return the least and the greatest latency at a quantile from 0 to 1."""
        least = frozen_latency_s(quantile, self.shortest_freeze_s, self.window_s)
        greatest = frozen_latency_s(quantile, self.longest_freeze_s + self.catch_up_s, self.window_s)
        return least, greatest + self.undisturbed_s

    def distance_s(self, quantile: float, latency_s: float) -> float:
        """Tell how far a latency measured at a quantile lies outside of the bounds; 0 if it lies between them."""
        least, greatest = self.bounds_s(quantile)
        return max(least - latency_s, latency_s - greatest, 0.0)
