"""What the server counts, and how late its event loop runs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Collection
from dataclasses import dataclass

import msgspec
import psutil
from hdrh.histogram import HdrHistogram

from server.member import Member
from server.message import Broadcast

LAG_INTERVAL_S = 0.05
LONGEST_LAG_US = 60_000_000


class LoopLag(msgspec.Struct, frozen=True):
    """How much later than asked the event loop woke a sleeper, milliseconds, since the server started."""

    p50: float
    p99: float
    max: float


class Stats(msgspec.Struct, frozen=True):
    """The body of `GET /stats`; counters are cumulative.

    `deliveries_out` and `notices_out` count the copies handed to a member's socket. `dropped` counts the
    copies thrown away when a member was kicked for not reading. `outbox_bytes_max` is the largest write
    buffer of any member at this moment, without the kernel's. The last four are of the server's process.
    """

    strategy: str
    members: int
    messages_in: int
    deliveries_out: int
    notices_out: int
    dropped: int
    kicked: int
    loop_lag_ms: LoopLag
    outbox_bytes_max: int
    rss_bytes: int
    cpu_seconds: float
    uptime_seconds: float
    pid: int


@dataclass(slots=True)
class Counters:
    """What all rooms count together, since the server started; see `Stats`."""

    messages_in: int = 0
    deliveries_out: int = 0
    notices_out: int = 0
    dropped: int = 0
    kicked: int = 0

    def sent(self, broadcast: Broadcast, copies: int) -> None:
        """Count copies of a broadcast that reached a member's socket."""
        if broadcast.event == "user":
            self.deliveries_out += copies
        else:
            self.notices_out += copies


class Telemetry:
    """The counters and the clock of one server process."""

    def __init__(self, strategy: str) -> None:
        self.counters = Counters()
        self._strategy = strategy
        self._lag_us = HdrHistogram(1, LONGEST_LAG_US, 3)
        self._started_s = time.monotonic()
        self._process = psutil.Process()

    async def watch_loop(self) -> None:
        """Record the event loop's lag until cancelled."""
        while True:
            slept_at_ns = time.monotonic_ns()
            await asyncio.sleep(LAG_INTERVAL_S)
            lag_us = (time.monotonic_ns() - slept_at_ns) // 1_000 - int(LAG_INTERVAL_S * 1_000_000)
            self._lag_us.record_value(min(max(lag_us, 1), LONGEST_LAG_US))

    def stats(self, members: Collection[Member]) -> Stats:
        """Return the figures of this moment."""
        # Empty in the first `LAG_INTERVAL_S` of the server.
        lag_us = self._lag_us.get_percentile_to_value_dict([50, 99, 100])
        p50_us, p99_us, max_us = (lag_us.get(percentile, 0) for percentile in (50, 99, 100))
        return Stats(
            strategy=self._strategy,
            members=len(members),
            messages_in=self.counters.messages_in,
            deliveries_out=self.counters.deliveries_out,
            notices_out=self.counters.notices_out,
            dropped=self.counters.dropped,
            kicked=self.counters.kicked,
            loop_lag_ms=LoopLag(p50_us / 1_000, p99_us / 1_000, max_us / 1_000),
            outbox_bytes_max=max((member.buffered_bytes for member in members), default=0),
            rss_bytes=self._process.memory_info().rss,
            cpu_seconds=time.process_time(),
            uptime_seconds=time.monotonic() - self._started_s,
            pid=os.getpid(),
        )
