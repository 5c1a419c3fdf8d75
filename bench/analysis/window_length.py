"""How long a window has to be for the percentile that is judged in it."""

from __future__ import annotations

import math

from bench.model.plan import Workload
from loadtest.ledger.percentile_support import highest_supported, messages_needed


def planned_messages(workload: Workload) -> int:
    """Return how many messages are due in a window; with Poisson arrivals it is their mean."""
    return round(workload.messages_per_s * workload.duration_s)


def supported_percentile(workload: Workload) -> float | None:
    """Return the highest of the percentiles 50, 90, 99 and 99.9 that a window carries; `None` where it carries none."""
    return highest_supported(planned_messages(workload))


def seconds_needed(percentile: float, rate: float) -> int:
    """Return the whole seconds of a window that carries a percentile (0 to 100) at a rate in messages/s."""
    return math.ceil(messages_needed(percentile) / rate)
