"""Tells until when a socket that is read now had nothing to read: the kernel's receive time is only an upper bound."""

from __future__ import annotations

import time
from collections.abc import Sized

import gevent

COMPLETE_BACKENDS = ("epoll", "poll", "select")
"""The event loop's backends whose poll reports every readable socket, but for what `FIRST_ARRAY` says."""
FIRST_ARRAY = 64
"""libev's array for epoll's events has this size at first, and grows each time that a poll has filled it."""


class PollClock:
    """Keeps when the poll before this turn's began.

    A turn of the hub polls all sockets and then reads those that were readable. So a socket that is read in this turn
    was empty when the poll of the turn before began, unless that poll reported it too; then it was emptied by the read
    that followed. `polled_ns[0]` is that time (CLOCK_REALTIME), to be taken by reads; 0 where nothing is known. The
    time when a poll returned would be closer, but what comes between the poll and the clock is not reported.

    A poll that fills its array may leave readable sockets out, so it counts as none. libev does not tell the array's
    size; but it is larger than the number of events in any poll before, of which `reads` gives a lower bound and the
    pending callbacks an upper one.
    """

    def __init__(self, reads: Sized) -> None:
        loop = gevent.get_hub().loop
        self.polled_ns = [0]
        self._reads = reads
        self._loop = loop
        self._is_complete = False
        self._began_ns = 0
        self._reads_before = 0
        self._most_reads = FIRST_ARRAY - 1
        # Of the lowest priority, so that it is called right before the poll, after all other callbacks.
        self._before = loop.prepare(ref=False, priority=loop.MINPRI)
        self._after = loop.check(ref=False, priority=loop.MAXPRI)
        if loop.backend in COMPLETE_BACKENDS:
            self._before.start(self._note_poll)
            self._after.start(self._note_events)

    def close(self) -> None:
        """Keep no more times."""
        for watcher in (self._before, self._after):
            watcher.stop()
            watcher.close()

    def _note_poll(self) -> None:
        self._most_reads = max(self._most_reads, len(self._reads) - self._reads_before)
        if self._is_complete:
            self.polled_ns[0] = self._began_ns
        self._began_ns = time.time_ns()

    def _note_events(self) -> None:
        self._reads_before = len(self._reads)
        self._is_complete = self._loop.pendingcnt <= self._most_reads
