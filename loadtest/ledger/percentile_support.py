"""Which percentiles a number of messages carries.

Messages, not deliveries, are the sample: all copies of one message share its fate.
"""

from __future__ import annotations

import math

MIN_TAIL_MESSAGES = 10
"""A percentile is supported where at least so many messages lie beyond it."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
"""The percentiles that are reported, ascending."""
_SCALE = 1000  # percentiles have up to three decimals; no float is 99.9


def is_supported(percentile: float, messages: int) -> bool:
    """Tell whether `MIN_TAIL_MESSAGES` of the messages lie beyond a percentile (0 to 100)."""
    return messages * _tail(percentile) >= MIN_TAIL_MESSAGES * 100 * _SCALE


def may_support(percentile: float, messages: int) -> bool:
    """Tell whether a window of so many messages may be one whose mean number supports a percentile (0 to 100).

    Poisson arrivals scatter around their mean by its square root; up to three times that is taken for chance.
    """
    return is_supported(percentile, messages + math.floor(3 * math.sqrt(messages)))


def messages_needed(percentile: float) -> int:
    """Return how many messages support a percentile (0 to below 100)."""
    return -(-MIN_TAIL_MESSAGES * 100 * _SCALE // _tail(percentile))


def highest_supported(messages: int) -> float | None:
    """Return the highest of `PERCENTILES` that is supported; `None` where none is."""
    return max((percentile for percentile in PERCENTILES if is_supported(percentile, messages)), default=None)


def _tail(percentile: float) -> int:
    return round((100 - percentile) * _SCALE)
