"""Estimates from pings how far the clock of a worker's machine is ahead of this one."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from loadtest.schedule.clock import boot_id
from loadtest.worker.messages import Pong


@dataclass(slots=True)
class ClockOffset:
    """How far a worker's clock is ahead, nanoseconds, and how far that estimate may be off either way.

    A worker on this very system (by its boot id) has this clock. Another one's offset is taken from the ping with the
    shortest round trip: its clock was read at some time within that (Cristian's algorithm).
    """

    ahead_ns: int = 0
    uncertainty_ns: float = math.inf

    def update(self, pong: Pong) -> None:
        """Take a worker's reply to a ping that has just arrived."""
        if pong.boot_id and pong.boot_id == boot_id():
            self.ahead_ns, self.uncertainty_ns = 0, 0
            return
        now_ns = time.time_ns()
        uncertainty_ns = (now_ns - pong.ping_ns) / 2
        if uncertainty_ns < self.uncertainty_ns:
            self.ahead_ns = pong.time_ns - (now_ns + pong.ping_ns) // 2
            self.uncertainty_ns = uncertainty_ns
