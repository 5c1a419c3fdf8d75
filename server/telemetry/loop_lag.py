"""How late the event loop runs."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

import msgspec

INTERVAL_S = 0.05

# Preferred numbers (ISO 3, R20): each is at most 15 % above the one before, and 1, 2 and 5 are among them.
_R20 = (1, 1.12, 1.25, 1.4, 1.6, 1.8, 2, 2.24, 2.5, 2.8, 3.15, 3.55, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9)
BOUNDS_MS = tuple(float(f"{number}e{power}") for power in range(-1, 5) for number in _R20)
"""Upper bounds of the buckets, 0.1 ms to 90 s; a longer lag counts in the last one."""


class LagBucket(msgspec.Struct, frozen=True):
    """How many lags were at most `up_to_ms`, and above the bound before it, since the server started."""

    up_to_ms: float
    count: int


class LoopLag(msgspec.Struct, frozen=True):
    """How much later than due the event loop ran a timer, milliseconds, since the server started.

    The percentiles are bounds of buckets, so at most 15 % too high.
    """

    p50: float
    p99: float
    max: float


class LoopLagWatch:
    """Schedules a timer every `INTERVAL_S`, and counts how late each one ran."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self._max_s = 0.0
        self._counts = [0] * len(BOUNDS_MS)
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the running event loop for the length of the block.

        The timers are due at fixed times, whenever the one before ran: a blocked loop is late for every timer that it
        misses, and counts all of them when it runs again.
        """
        self._due_s = time.monotonic()
        self._schedule(asyncio.get_running_loop(), INTERVAL_S)
        try:
            yield
        finally:
            if self._timer:
                self._timer.cancel()

    def _schedule(self, loop: asyncio.AbstractEventLoop, after_s: float) -> None:
        self._due_s += after_s
        self._timer = loop.call_later(self._due_s - time.monotonic(), self._count, loop)

    def _count(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count this timer, and those that were due since."""
        lag_s = time.monotonic() - self._due_s
        missed = max(0, int(lag_s // INTERVAL_S))
        for number in range(missed + 1):
            self.record(lag_s - number * INTERVAL_S)
        self._schedule(loop, (missed + 1) * INTERVAL_S)

    def record(self, lag_s: float) -> None:
        """Count one lag; uvloop's timers are of whole milliseconds, so some run early."""
        lag_s = max(lag_s, 0.0)
        self.total_s += lag_s
        self._max_s = max(self._max_s, lag_s)
        self._counts[min(bisect_left(BOUNDS_MS, lag_s * 1_000), len(BOUNDS_MS) - 1)] += 1

    def buckets(self) -> tuple[LagBucket, ...]:
        """Return the buckets that are not empty, in ascending order."""
        return tuple(LagBucket(bound, count) for bound, count in zip(BOUNDS_MS, self._counts, strict=True) if count)

    def lag(self) -> LoopLag:
        """Return the percentiles so far; all are 0 before the first timer ran."""
        return LoopLag(self._percentile_ms(0.5), self._percentile_ms(0.99), self._max_s * 1_000)

    def _percentile_ms(self, share: float) -> float:
        ranks = list(accumulate(self._counts))
        if not ranks[-1]:
            return 0.0
        return min(BOUNDS_MS[bisect_left(ranks, share * ranks[-1])], self._max_s * 1_000)
