"""A window that was begun and not handed over yet: what was planned and received in it, and what it cost so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import gevent
import msgspec

from loadtest.ledger.drain import Drain
from loadtest.ledger.records import ORDER_MARGIN_NS, Deliveries, Members, Sends, pack, unpack
from loadtest.schedule.window_order import WindowOrder
from loadtest.worker.recorder import Digest


@dataclass(slots=True)
class OpenWindow:
    """One window of a worker; `received` are packed deliveries, a slice each.

    `arrived` counts the deliveries that arrived unaltered within the window, whichever window their message was due in;
    `reads`, `frames` and `without_timestamp` count what was read within it.
    """

    order: WindowOrder
    planned: Sends
    received: list[bytes] = field(default_factory=list)
    arrived: int = 0
    reads: int = 0
    frames: int = 0
    without_timestamp: int = 0
    _drain: Drain | None = None
    _drained_slices: int = 0  # of `received`
    _clocks: list[tuple[float, float]] = field(default_factory=list)  # (wall, CPU) seconds at its start and end

    def cut(self, end_ns: int) -> None:
        """End the window earlier than ordered."""
        if self.order.end_ns > end_ns:
            self.order = msgspec.structs.replace(self.order, end_ns=end_ns)
            self.planned = self.planned.select(self.planned.due_ns < end_ns)

    def add(self, digest: Digest) -> None:
        """Count what was read and what arrived in the window, and keep what was due in it or just before it."""
        start_ns, end_ns = self.order.start_ns, self.order.end_ns
        deliveries, reads = digest
        is_within = (reads.read_ns >= start_ns) & (reads.read_ns < end_ns)
        self.reads += int(is_within.sum())
        self.frames += int(reads.frames[is_within].sum())
        self.without_timestamp += int(reads.without_timestamp[is_within].sum())
        arrived = (deliveries.arrival_ns >= start_ns) & (deliveries.arrival_ns < end_ns) & (deliveries.corrupted == 0)
        self.arrived += int(arrived.sum())
        due = deliveries.select((deliveries.due_ns >= start_ns - ORDER_MARGIN_NS) & (deliveries.due_ns < end_ns))
        if len(due.seq):
            self.received.append(pack(due))

    def due(self, sends: Sends) -> Sends:
        """Return those messages that were due in the window."""
        return sends.select((sends.due_ns >= self.order.start_ns) & (sends.due_ns < self.order.end_ns))

    # Drain

    def update_drain(self, members: Callable[[], Members], unsent: Callable[[], Sends]) -> None:
        """Take the received deliveries off those outstanding, letting other greenlets run.

        `members` and `unsent` are called the first time only.
        """
        if self._drain is None:
            self._drain = Drain(self.planned, members(), unsent(), rooms=self.order.rooms, has_echo=self.order.has_echo)
        while self._drained_slices < len(self.received):
            self._drain.add(unpack(Deliveries, self.received[self._drained_slices]))
            self._drained_slices += 1
            gevent.sleep(0.001)

    @property
    def outstanding(self) -> int | None:
        """Deliveries that are still expected; `None` until all received ones are taken off them."""
        if self._drain is None or self._drained_slices < len(self.received):
            return None
        return self._drain.outstanding

    # Cost

    def read_clocks(self, now_ns: int) -> None:
        """Read the wall and CPU clocks if the window has begun or ended since they were last read."""
        if len(self._clocks) < (now_ns >= self.order.start_ns) + (now_ns >= self.order.end_ns):
            self._clocks.append((time.monotonic(), time.process_time()))

    def wall_and_cpu_s(self) -> tuple[float, float]:
        """Return the wall and the CPU time from the window's start to its end."""
        while len(self._clocks) < 2:
            self._clocks.append((time.monotonic(), time.process_time()))
        (wall_start, cpu_start), (wall_end, cpu_end) = self._clocks
        return wall_end - wall_start, cpu_end - cpu_start
