"""The limits beyond which a measurement is invalid or comes with a warning."""

from __future__ import annotations

MIN_ATTEMPTED_RATIO = 0.99
"""Of the planned messages this share must have been sent."""
MAX_SCHEDULE_LAG_MS = 5.0
"""The p99 of how late messages are sent may be this high..."""
MAX_SCHEDULE_LAG_RATIO = 0.2
"""...or, where that is more, this share of the latency's p99."""
MAX_CLOCK_STEP_NS = 1_000_000
"""The system's clock may be set by this much within a window."""
MAX_BUSY_PERCENT = 90.0
"""A process that uses more of a core than this has no time to spare: its own delays may show in the figures."""
MAX_UNCERTAINTY_RATIO = 0.5
"""The p99 of the arrivals' uncertainty may be this share of the latency's p99."""
MAX_BRACKET_RATIO = 0.1
"""Between the lower and the upper bound of the latency's p99 may be this share of the upper one."""
MAX_BACKLOG_RATIO = 0.02
"""A window is saturated where more than this share of its deliveries is under way at its end..."""
MAX_BACKLOG_GROWTH = 1.5
"""...and more than this many times as many as at its half."""
