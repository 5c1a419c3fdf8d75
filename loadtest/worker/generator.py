"""One process's share of the swarm: its members, what they send and what they receive, window by window."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import gevent
import msgspec
import numpy as np
import psutil

from loadtest.client.descriptors import all_granted
from loadtest.client.websocket import Read, WebSocket
from loadtest.ledger.drain import Tally
from loadtest.ledger.handover import Cost, Received
from loadtest.ledger.records import Deliveries, Sends, pack, unpack
from loadtest.options import Options
from loadtest.schedule.arrivals import Rate
from loadtest.schedule.clock import Clock, boot_id
from loadtest.schedule.sender import Sender
from loadtest.schedule.window_order import WindowOrder
from loadtest.worker.membership import Membership
from loadtest.worker.messages import Collect, Ledger, Ping, Pong, State, Stop, ToConductor, ToGenerator
from loadtest.worker.read_batching import Nap, may_nap
from loadtest.worker.recorder import Counters, Recorder

SLICE, SLICE_BYTES = 2000, 2**20
"""Reads and messages, and bytes, parsed at a time: 1 to 2 ms, so that parsing never holds up what is due."""
PARTS = 16
"""Slices handed over at a time."""
HOLD_NS, HOLD_BYTES = 10_000_000_000, 3 * 2**29
"""Within a window what was read waits unparsed this long and up to this much; what is beyond is parsed meanwhile."""
TEND_S = 0.02
REPORT_S = 0.2


@dataclass(slots=True)
class _OpenWindow:
    order: WindowOrder
    planned: Sends
    received: list[bytes] = field(default_factory=list)  # packed, a slice each
    tally: Tally | None = None
    tallied: int = 0  # slices of `received`
    arrived: int = 0
    clocks: list[tuple[float, float]] = field(default_factory=list)  # (wall, CPU) seconds at its start and end


class Generator:
    """Runs the windows that a conductor orders, over the members that join.

    `tell` takes what the conductor is to know. Nothing here holds up the hub for longer than a slice of parsing.
    """

    def __init__(self, options: Options, tell: Callable[[ToConductor], None]) -> None:
        load = options.load
        self._tell = tell
        self._most_per_s = Rate(load.rate.per_second * load.burst.factor, load.rate.of_each_user)
        self._turnover = options.turnover
        self._seed = load.seed
        self._clock = Clock()
        self._boot_id = boot_id()  # now, while there are descriptors to read it with
        self._recorder = Recorder(self._clock)
        self.members = Membership(self._recorder, self._clock, options.rejoin_every_s, self._watch)
        self._sender = Sender(load, self._clock, self.members.open_websocket, self.members.is_away)
        self._nap = Nap(self._recorder.reads, self._sender.gate_ns)
        self._received = 0
        self._windows: dict[int, _OpenWindow] = {}
        self._counted = Counters()
        self._process = psutil.Process()
        self._reported_s = 0.0
        self._is_hurried = False
        self._greenlet = gevent.spawn(self._tend)

    def close(self) -> None:
        """Stop sending and parsing; members are left to their users."""
        self._greenlet.kill()
        self.members.cancel()
        self._sender.close()
        self._nap.close()
        self._free_memory()

    @property
    def is_measuring(self) -> bool:
        """Whether a window was begun and not handed over yet."""
        return bool(self._windows)

    def newest_reads(self, most: int) -> list[Read]:
        """Return up to `most` of the last reads that are not parsed yet."""
        reads = self._recorder.reads
        return [reads[-n] for n in range(1, min(most, len(reads)) + 1)]

    def _watch(self, websocket: WebSocket, tag: int) -> None:
        websocket.watch(self._recorder.reads.append, tag, self._sender.gate_ns, self._sender.catch_up, self._hurry)

    def _hurry(self) -> None:
        self._is_hurried = True

    # What the conductor asks for

    def handle(self, message: ToGenerator) -> None:
        """Do what the conductor says."""
        match message:
            case Ping(time_ns):
                self._tell(Pong(time_ns, time.time_ns(), self._boot_id))
            case WindowOrder():
                self._begin(message)
            case Collect(number):
                gevent.spawn(self._hand_over, number)
            case Stop(end_ns):
                self._cut(end_ns)

    def _begin(self, order: WindowOrder) -> None:
        if not self._windows:
            gc.collect()
            gc.freeze()
            gc.disable()
            self._clock.fix()
            self._clock.ahead_ns = order.ahead_ns
            self._counted = self._recorder.counters
            self.members.forget_all_gone()
        self._nap.is_on = may_nap(self._most_per_s.in_room(len(order.room)))
        planned = self._sender.begin(order, self.members.owns)
        self._windows[order.number] = _OpenWindow(order, planned.select(planned.due_ns >= order.start_ns))
        if self._turnover:
            random = np.random.default_rng((self._seed, order.number, 1))
            self.members.plan(self._turnover.departures(order, random))

    def _cut(self, end_ns: int) -> None:
        self.members.cancel()
        self._sender.cut(end_ns)
        for window in self._windows.values():
            if window.order.end_ns > end_ns:
                window.order = msgspec.structs.replace(window.order, end_ns=end_ns)
                window.planned = window.planned.select(window.planned.due_ns < end_ns)

    def _hand_over(self, number: int) -> None:
        reads = self._recorder.counters.reads + len(self._recorder.reads)
        while self._recorder.counters.reads < reads:  # what comes meanwhile belongs to a later window
            self._digest()
            gevent.sleep(0.001)
        window = self._windows[number]
        for start in range(0, len(window.received), PARTS):
            self._tell(Received(number, window.received[start : start + PARTS]))
            gevent.sleep(0.001)
        del self._windows[number]
        order = window.order
        sends, withdrawn = self._sender.log, self._sender.withdrawn
        keep_ns = min((open_.order.start_ns for open_ in self._windows.values()), default=order.end_ns)
        self._sender.clear_log(keep_ns)
        self._tell(
            Ledger(
                number=number,
                members=pack(self.members.everybody()),
                sends=pack(sends.select((sends.due_ns >= order.start_ns) & (sends.due_ns < order.end_ns))),
                withdrawn=pack(withdrawn),
                cost=self._cost(window),
            )
        )
        self.members.forget(keep_ns)
        if not self._windows:
            self._nap.is_on = False
            self._free_memory()

    def _free_memory(self) -> None:
        gc.enable()
        gc.unfreeze()

    def _cost(self, window: _OpenWindow) -> Cost:
        while len(window.clocks) < 2:
            window.clocks.append((time.monotonic(), time.process_time()))
        (wall_start, cpu_start), (wall_end, cpu_end) = window.clocks
        counted, self._counted = self._counted, self._recorder.counters
        return Cost(
            wall_s=wall_end - wall_start,
            cpu_s=cpu_end - cpu_start,
            rss_bytes=self._rss_bytes(),
            reads=self._counted.reads - counted.reads,
            frames=self._counted.frames - counted.frames,
            without_timestamp=self._counted.without_timestamp - counted.without_timestamp,
            arrived_in_window=window.arrived,
            clock_step_ns=self._clock.stepped_ns,
        )

    def _rss_bytes(self) -> int:
        with all_granted():
            return int(self._process.memory_info().rss)

    # In the background

    def _tend(self) -> None:
        while True:
            gevent.sleep(TEND_S)
            now_ns = self._clock.now_ns()
            for window in self._windows.values():
                if len(window.clocks) < (now_ns >= window.order.start_ns) + (now_ns >= window.order.end_ns):
                    window.clocks.append((time.monotonic(), time.process_time()))
            while self._may_digest():
                self._digest()
                self._report()
                gevent.sleep(0.001)
            self._is_hurried = False
            for window in [window for window in self._windows.values() if window.order.end_ns <= now_ns]:
                self._count_down(window)
            self._report()

    def _may_digest(self) -> bool:
        reads = self._recorder.reads
        if not reads:
            return False
        now_ns = self._clock.now_ns()
        is_draining = any(w.order.end_ns <= now_ns for w in self._windows.values())
        is_in_window = any(w.order.begin_ns <= now_ns < w.order.end_ns for w in self._windows.values())
        is_old = reads[0][3] < time.time_ns() - HOLD_NS
        is_much = self._recorder.held_bytes() > HOLD_BYTES
        return self._is_hurried or is_draining or not is_in_window or is_old or is_much

    def _digest(self) -> None:
        deliveries = self._recorder.digest(SLICE, SLICE_BYTES)
        self._received += len(deliveries.seq)
        for window in self._windows.values():
            start_ns, end_ns = window.order.start_ns, window.order.end_ns
            window.arrived += int(((deliveries.arrival_ns >= start_ns) & (deliveries.arrival_ns < end_ns)).sum())
            due = deliveries.select((deliveries.due_ns >= start_ns) & (deliveries.due_ns < end_ns))
            if len(due.seq):
                window.received.append(pack(due))

    def _count_down(self, window: _OpenWindow) -> None:
        if window.tally is None:
            window.tally = Tally(window.planned, self.members.everybody(), self._sender.unsent)
        while window.tallied < len(window.received):
            window.tally.add(unpack(Deliveries, window.received[window.tallied]))
            window.tallied += 1
            gevent.sleep(0.001)

    def _report(self) -> None:
        outstanding = {
            number: window.tally.outstanding
            for number, window in self._windows.items()
            if window.tally and window.tallied == len(window.received)
        }
        is_news = outstanding and not self._recorder.reads
        if time.monotonic() < self._reported_s + REPORT_S and not is_news:
            return
        self._reported_s = time.monotonic()
        self._tell(
            State(
                joined=self.members.seats,
                stalled=len(self.members.stalled),
                failed=self.members.failed,
                reads=self._recorder.counters.reads + len(self._recorder.reads),
                sent=self._sender.sent,
                received=self._received,
                outstanding=outstanding,
                problems=self.members.problems,
            )
        )
