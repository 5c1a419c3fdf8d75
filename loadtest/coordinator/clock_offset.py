"""Estimates from pings how far the clock of a worker's machine is ahead of this one."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field

from loadtest.schedule.clock import boot_id
from loadtest.worker.messages import Pong

REPLIES = 8
"""An estimate is made from this many replies, the latest: those of two seconds or less, as clocks drift."""


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """How far a clock is ahead, nanoseconds, and how far that may be off either way."""

    ahead_ns: int = 0
    uncertainty_ns: float = math.inf


@dataclass(slots=True)
class ClockOffset:
    """The clock of one worker.

    A worker on this very system (by its boot id) has this clock. Another one's offset is taken from the ping with the
    shortest round trip among the latest: its clock was read at some time within that (Cristian's algorithm).
    """

    is_shared: bool = False
    _replies: deque[ClockEstimate] = field(default_factory=lambda: deque(maxlen=REPLIES))

    def update(self, pong: Pong) -> None:
        """Take a worker's reply to a ping that has just arrived."""
        if pong.boot_id and pong.boot_id == boot_id():
            self.is_shared = True
            return
        now_ns = time.time_ns()
        ahead_ns = pong.time_ns - (now_ns + pong.ping_ns) // 2
        self._replies.append(ClockEstimate(ahead_ns, (now_ns - pong.ping_ns) / 2))

    @property
    def estimate(self) -> ClockEstimate:
        """The estimate now; of infinite uncertainty before there was a reply."""
        if self.is_shared:
            return ClockEstimate(0, 0)
        return min(self._replies, key=lambda reply: reply.uncertainty_ns, default=ClockEstimate())
