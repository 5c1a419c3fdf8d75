"""What a worker hands over of a window beside its ledger: its deliveries in parts, and what the window cost it."""

from __future__ import annotations

import msgspec


class Cost(msgspec.Struct, frozen=True):
    """What a window cost a worker's process, and how it read: seconds, bytes, counts, nanoseconds.

    The counts are of what was read or arrived within the window, without its warm-up and drain.
    """

    wall_s: float
    cpu_s: float
    rss_bytes: int
    reads: int
    frames: int
    without_timestamp: int
    arrived_in_window: int
    clock_step_ns: int


class Received(msgspec.Struct, frozen=True, tag="received"):
    """Worker to coordinator to judge: some of a window's deliveries, each part as `pack` makes it."""

    number: int
    deliveries: list[bytes]
