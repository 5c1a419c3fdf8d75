"""The swarm's one clock: the CLOCK_REALTIME of the machine that the coordinator runs on."""

from __future__ import annotations

import functools
import time
from pathlib import Path


class Clock:
    """Reads the coordinator's clock on any machine; nanoseconds.

    `ahead_ns` is how far this machine's own clock is ahead of the coordinator's: 0 on the coordinator's machine.
    `steady_ns` runs evenly from the last `fix()`, even if the system's clock is set.
    """

    def __init__(self) -> None:
        self.ahead_ns = 0
        self._offset_ns = 0
        self.fix()

    def fix(self) -> None:
        """Take the current difference between the system's clock and the monotonic one as the true one."""
        self._offset_ns = _realtime_less_monotonic_ns()

    @property
    def stepped_ns(self) -> int:
        """How far the system's clock has been set since `fix()`, either way."""
        return abs(_realtime_less_monotonic_ns() - self._offset_ns)

    def now_ns(self) -> int:
        """Return the coordinator's time, comparable to receive times of the kernel less `ahead_ns`."""
        return time.time_ns() - self.ahead_ns

    def steady_ns(self) -> int:
        """Return the coordinator's time by the monotonic clock, for schedules."""
        return time.monotonic_ns() + self._offset_ns - self.ahead_ns

    def to_monotonic_ns(self, time_ns: int) -> int:
        """Return the CLOCK_MONOTONIC of a coordinator's time."""
        return time_ns + self.ahead_ns - self._offset_ns

    def from_system_ns(self, time_ns: int) -> int:
        """Return the coordinator's time of this machine's CLOCK_REALTIME."""
        return time_ns - self.ahead_ns

    def to_system_ns(self, time_ns: int) -> int:
        """Return this machine's CLOCK_REALTIME of a coordinator's time."""
        return time_ns + self.ahead_ns


@functools.cache
def boot_id() -> str:
    """Return the identifier of this boot of this system; empty where there is none."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def _realtime_less_monotonic_ns() -> int:
    before_ns = time.monotonic_ns()
    real_ns = time.time_ns()
    return real_ns - (before_ns + time.monotonic_ns()) // 2
