"""A model of the latency distribution that a server has which is frozen once within a window."""

from __future__ import annotations

from dataclasses import dataclass


def model_latency_s(quantile: float, freeze_s: float, window_s: float) -> float:
    """Return a quantile (0 to 1) of the latency, in seconds, with one freeze within a window.

    Messages are evenly spaced, and the server takes no time when it runs. A message sent `s` seconds before the server
    resumes waits `s` seconds. So `(freeze_s - x) / window_s` of all messages wait longer than `x`; solved for `x`, this
    is the quantile.
    """
    return max(0.0, freeze_s - (1 - quantile) * window_s)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The bounds of each latency quantile, whatever the order in which the server works off its backlog.

    Lower bound: no message of the freeze is delivered before the server resumes, after the shortest possible duration
    of the freeze. Upper bound: all of them are delivered when the server is first idle, at most `catch_up_s` after it
    resumed, so nothing waits longer than with a freeze that lasts until then. That is the longest possible duration of
    the freeze, plus the time to catch up, plus the latency of an undisturbed message. All times are in seconds.
    """

    min_freeze_s: float
    max_freeze_s: float
    catch_up_s: float
    undisturbed_s: float
    window_s: float

    def bounds_s(self, quantile: float) -> tuple[float, float]:
        """Return the lower and the upper bound of the latency at a quantile from 0 to 1."""
        lower = model_latency_s(quantile, self.min_freeze_s, self.window_s)
        upper = model_latency_s(quantile, self.max_freeze_s + self.catch_up_s, self.window_s)
        return lower, upper + self.undisturbed_s

    def distance_s(self, quantile: float, latency_s: float) -> float:
        """Return how far a latency measured at a quantile is outside the bounds; 0 within them."""
        lower, upper = self.bounds_s(quantile)
        return max(lower - latency_s, latency_s - upper, 0.0)
