"""The counters and watches of one server process."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import psutil

from server.telemetry.counters import Counters
from server.telemetry.garbage import GarbageWatch
from server.telemetry.loop_lag import LoopLagWatch
from server.telemetry.stats import Stats


class Telemetry:
    """The counters and watches of one server; the figures of `stats` are computed only when they are read."""

    def __init__(self, strategy: str) -> None:
        self.counters = Counters()
        self._strategy = strategy
        self._loop_lag = LoopLagWatch()
        self._garbage = GarbageWatch()
        self._started_s = time.monotonic()
        self._process = psutil.Process()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the running event loop and the garbage collector for the length of the block."""
        with self._garbage.watching(), self._loop_lag.watching():
            yield

    def stats(self, rooms: int, outboxes: Iterable[int]) -> Stats:
        """Return the figures of this moment, given the number of rooms and how many bytes wait for each member.

        Raises:
            RuntimeError: called outside of an event loop, whose tasks are counted.

        """
        waiting = sorted(outboxes)
        return Stats(
            strategy=self._strategy,
            time_ns=time.time_ns(),
            members=len(waiting),
            rooms=rooms,
            messages_in=self.counters.messages_in,
            deliveries_out=self.counters.deliveries_out,
            notices_out=self.counters.notices_out,
            dropped=self.counters.dropped,
            kicked=self.counters.kicked,
            replayed=self.counters.replayed,
            gaps=self.counters.gaps,
            loop_lag_ms=self._loop_lag.lag(),
            loop_lag_buckets=self._loop_lag.buckets(),
            loop_lag_total_ms=self._loop_lag.total_s * 1_000,
            outbox_bytes_p50=_percentile(waiting, 0.5),
            outbox_bytes_p99=_percentile(waiting, 0.99),
            outbox_bytes_max=_percentile(waiting, 1),
            tasks=len(asyncio.all_tasks()),
            gc_pauses=self._garbage.pauses(),
            rss_bytes=self._process.memory_info().rss,
            cpu_seconds=time.process_time(),
            uptime_seconds=time.monotonic() - self._started_s,
            pid=os.getpid(),
        )


def _percentile(ascending: Sequence[int], share: float) -> int:
    """Return the smallest value that `share` of all do not exceed; 0 of none."""
    return ascending[math.ceil(share * len(ascending)) - 1] if ascending else 0
