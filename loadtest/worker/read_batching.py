"""Lets what arrives gather for a moment, so that one turn of the hub reads from many sockets.

Arrival is the kernel's receive time, so reading a little later changes no figure but read lag. It saves a wake-up of
this process for each delivery, which on loopback the sending server would pay for.
"""

from __future__ import annotations

import time
from collections.abc import Sized

import gevent
import gevent.monkey

BATCH_NS = 500_000
FULL_BATCH = 64
"""A turn that made this many reads was worth its wake-up; the next one begins at once."""

MAX_MESSAGES_A_BATCH = 0.1

_sleep = gevent.monkey.get_original("time", "sleep")


def may_batch(room_rate: float) -> bool:
    """Tell whether, at this many messages a second, a nap would rarely see two messages come to one member.

    Two that share a read share a receive time, which for the first of them is only an upper bound.
    """
    return room_rate * BATCH_NS / 1e9 <= MAX_MESSAGES_A_BATCH


class ReadBatching:
    """Sleeps before each turn of the hub while `is_on`, but never beyond `gate_ns[0]` (CLOCK_REALTIME)."""

    def __init__(self, reads: Sized, gate_ns: list[int]) -> None:
        self.is_on = False
        self._reads = reads
        self._gate_ns = gate_ns
        self._last = 0
        self._watcher = gevent.get_hub().loop.prepare(ref=False)
        self._watcher.start(self._read_batching)

    def close(self) -> None:
        """ReadBatching no more."""
        self._watcher.stop()
        self._watcher.close()

    def _read_batching(self) -> None:
        reads = len(self._reads)
        made, self._last = reads - self._last, reads
        if self.is_on and made < FULL_BATCH:
            left_ns = min(BATCH_NS, self._gate_ns[0] - time.time_ns())
            if left_ns > 0:
                _sleep(left_ns / 1e9)
