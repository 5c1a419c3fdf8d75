"""Batches reads: delays a turn of the hub a little, so that it reads from many sockets.

Arrival is the kernel's receive time, so reading a little later changes only the read lag. It saves a wake-up of this
process for each delivery, whose cost falls on the sending server on loopback.
"""

from __future__ import annotations

import time
from collections.abc import Sized

import gevent
import gevent.monkey

BATCH_NS = 500_000
"""A turn is delayed by this much at most."""
FULL_BATCH = 64
"""After a turn with this many reads the next one begins at once."""

MAX_MESSAGES_A_BATCH = 0.1
"""The mean number of messages that may come to a member within one batch."""

_sleep = gevent.monkey.get_original("time", "sleep")


def may_batch(room_rate: float) -> bool:
    """Tell whether, at this many messages a second, a batch would rarely have two messages for one member.

    Two that share a read share a receive time, which for the first of them is only an upper bound.
    """
    return room_rate * BATCH_NS / 1e9 <= MAX_MESSAGES_A_BATCH


class ReadBatching:
    """Delays each turn of the hub while `is_on`, but never beyond `gate_ns[0]` (CLOCK_REALTIME)."""

    def __init__(self, reads: Sized, gate_ns: list[int]) -> None:
        self.is_on = False
        self._reads = reads
        self._gate_ns = gate_ns
        self._last = 0
        self._watcher = gevent.get_hub().loop.prepare(ref=False)
        self._watcher.start(self._delay)

    def close(self) -> None:
        """Delay no more turns."""
        self._watcher.stop()
        self._watcher.close()

    def _delay(self) -> None:
        reads = len(self._reads)
        made, self._last = reads - self._last, reads
        if self.is_on and made < FULL_BATCH:
            left_ns = min(BATCH_NS, self._gate_ns[0] - time.time_ns())
            if left_ns > 0:
                _sleep(left_ns / 1e9)
