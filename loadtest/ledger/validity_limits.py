"""The limits beyond which a measurement is invalid or comes with a warning."""

from __future__ import annotations

import math

MIN_ATTEMPTED_RATIO = 0.99
"""Of the planned messages this share must have been sent."""
MAX_SCHEDULE_LAG_MS = 5.0
"""The p99 of how late messages are sent may be this high..."""
MAX_SCHEDULE_LAG_RATIO = 0.2
"""...or, where that is more, this share of the latency's p99, or of its median where the p99 is never: of the lower end
of a bracket, which a late swarm does not raise."""
MAX_CLOCK_STEP_NS = 1_000_000
"""The system's clock may be set by this much within a window."""
MAX_NEGATIVE_RATIO = 0.01
"""This share of the deliveries may have arrived before it was sent, by the clocks of the machines."""
MAX_BUSY_PERCENT = 90.0
"""A process that uses more of a core than this has no time to spare: its own delays may show in the figures."""
BUSY_PERCENT = 50.0
"""One that uses less, and is late all the same, did not get its core."""
MAX_BRACKET_RATIO = 0.1
"""Between the lower and the upper bound of the latency's p99 may be this share of the upper one."""
MAX_RESPONSE_RATIO = 1.2
"""The p99 from due may be this many times the p99 from sending."""
MAX_BACKLOG_GROWTH = 0.02
"""The deliveries under way may grow by this share of the offered rate; beyond it a window is saturated."""


def is_wide_bracket(low: float, high: float) -> bool:
    """Tell whether the bounds of a figure are finite, and further apart than `MAX_BRACKET_RATIO` allows."""
    return math.isfinite(high) and high - low > MAX_BRACKET_RATIO * high
