"""One process's share of the swarm: its members, what they send and what they receive, window by window."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable

import gevent
import gevent.pool
import numpy as np
import psutil

from loadtest.client.descriptors import all_granted
from loadtest.client.websocket import Read, WebSocket
from loadtest.ledger.handover import Cost, Received
from loadtest.ledger.records import pack
from loadtest.options import Options
from loadtest.schedule.arrivals import Rate
from loadtest.schedule.clock import Clock, boot_id
from loadtest.schedule.sender import Sender
from loadtest.schedule.window_order import WindowOrder
from loadtest.worker.membership import Membership
from loadtest.worker.messages import Collect, Ledger, Ping, Pong, State, Stop, StopReading, ToCoordinator, ToWorker
from loadtest.worker.open_window import OpenWindow
from loadtest.worker.poll_clock import PollClock
from loadtest.worker.read_batching import ReadBatching, may_batch
from loadtest.worker.recorder import Recorder

SLICE, SLICE_BYTES = 2000, 2**20
"""Reads and messages, and bytes, parsed at a time: 1 to 2 ms, so that parsing does not delay sends."""
PARTS = 16
"""Slices handed over at a time."""
HOLD_NS, HOLD_BYTES = 10_000_000_000, 3 * 2**29
"""While a window runs, reads stay unparsed for this long and up to this many bytes; older or more ones are parsed."""
POLL_S = 0.02
REPORT_S = 0.2
HEARTBEATS_A_TURN = 20


class Generator:
    """Runs the windows that the coordinator orders, for the members that join.

    `send` sends the coordinator a message. Nothing here blocks the hub for longer than it takes to parse a slice.
    """

    def __init__(self, options: Options, send: Callable[[ToCoordinator], None]) -> None:
        load = options.load
        self._send = send
        self._max_rate = Rate(load.rate.per_second * load.burst.factor, load.rate.of_each_user)
        self._churn = options.churn
        self._flood = options.flood
        self._flooding = gevent.pool.Group()
        self._seed = load.seed
        self._clock = Clock()
        self._boot_id = boot_id()  # now, while there are descriptors left to read it with
        self._driver = options.endpoint.driver
        self._recorder = Recorder(self._clock, load.message_size, self._driver)
        self.members = Membership(self._recorder, self._clock, options.rooms, options.rejoin_every_s, self._watch)
        self._sender = Sender(load, self._clock, self.members.open_websocket, self.members.is_away)
        self._read_batching = ReadBatching(self._recorder.reads, self._sender.gate_ns)
        self._poll_clock = PollClock(self._recorder.reads)
        self._received = 0
        self._windows: dict[int, OpenWindow] = {}
        self._process = psutil.Process()
        self._reported_s = 0.0
        self._reported_outstanding: dict[int, int] = {}
        self._is_parse_requested = False
        self._greenlet = gevent.spawn(self._run)
        self._heartbeats = gevent.spawn(self._send_heartbeats)

    def close(self) -> None:
        """Stop sending and parsing; users end their own connections."""
        self._greenlet.kill()
        self._heartbeats.kill()
        self.members.cancel()
        self._flooding.kill(block=False)
        self._sender.close()
        self._read_batching.close()
        self._poll_clock.close()
        self._free_memory()

    @property
    def is_measuring(self) -> bool:
        """Whether a window was begun and not handed over yet."""
        return bool(self._windows)

    @property
    def reads(self) -> int:
        """How many reads were made so far, parsed or not."""
        return self._recorder.parsed + len(self._recorder.reads)

    @property
    def received_so_far(self) -> int | None:
        """How many stamped messages were received so far; `None` while reads wait to be parsed."""
        return None if self._recorder.reads else self._received

    def some_newest_reads(self, among: int, count: int, max_bytes: int) -> list[Read]:
        """Return up to `count` of the last `among` reads, evenly spread over those that are not parsed yet.

        They are fewer where so many would have more than about `max_bytes`.
        """
        reads = self._recorder.reads
        among = min(among, len(reads))
        if not among:
            return []
        mean_bytes = sum(len(reads[-1 - position * among // 8][1]) for position in range(8)) / 8
        count = min(count, among, max(8, int(max_bytes / max(1.0, mean_bytes))))
        return [reads[-1 - position * among // count] for position in range(count)]

    def schedule_lags_ns(self, since_ns: int) -> list[int]:
        """Return how late each message was that was sent from `since_ns` on, in the clock's time."""
        return self._sender.lags_ns(since_ns)

    def _watch(self, websocket: WebSocket, tag: int) -> None:
        websocket.watch(
            self._recorder.reads.append,
            tag,
            self._sender.gate_ns,
            self._poll_clock.polled_ns,
            self._sender.catch_up,
            self._request_parse,
        )

    def _request_parse(self) -> None:
        self._is_parse_requested = True

    # The coordinator's messages

    def handle(self, message: ToWorker) -> None:
        """Act on a message of the coordinator."""
        match message:
            case Ping(time_ns):
                self._send(Pong(time_ns, time.time_ns(), self._boot_id))
            case WindowOrder():
                self._begin(message)
            case Collect(number):
                gevent.spawn(self._hand_over, number)
            case Stop(end_ns):
                self._cut(end_ns)
            case StopReading():
                self.members.stop_reading()

    def _begin(self, order: WindowOrder) -> None:
        if not self._windows:
            gc.collect()
            gc.freeze()
            gc.disable()
            self._clock.fix()
            self.members.forget_all_left()
        self._clock.ahead_ns = order.ahead_ns
        largest = math.ceil(len(order.members) / order.rooms)
        self._read_batching.is_on = may_batch(self._max_rate.in_room(largest))
        planned = self._sender.begin(order, self.members.owns)
        self._windows[order.number] = OpenWindow(order, planned.select(planned.due_ns >= order.start_ns))
        if self._churn:
            random = np.random.default_rng((*order.draw(self._seed), 1))
            self.members.plan(self._churn.departures(order, random))
        if self._flood.users:
            self._flooding.spawn(self._flood_room, order)

    def _flood_room(self, order: WindowOrder) -> None:
        wait_ns = order.start_ns + self._flood.after_ns - self._clock.now_ns()
        gevent.sleep(max(0, wait_ns) / 1e9)
        for flooder in self.members.flooders:
            flooder.send_flood(b"x" * self._flood.size_bytes, self._flood.messages)

    def _cut(self, end_ns: int) -> None:
        self.members.cancel()
        self._sender.cut(end_ns)
        for window in self._windows.values():
            window.cut(end_ns)

    def _hand_over(self, number: int) -> None:
        reads = self.reads
        while self._recorder.parsed < reads:  # later reads belong to a later window
            self._digest()
            gevent.sleep(0.001)
        window = self._windows[number]
        window.update_drain(self.members.records, lambda: self._sender.unsent)
        outstanding = window.outstanding or 0
        for start in range(0, len(window.received), PARTS):
            self._send(Received(number, window.received[start : start + PARTS]))
            gevent.sleep(0.001)
        del self._windows[number]
        sends, withdrawn = self._sender.log, self._sender.withdrawn
        keep_ns = min((open_.order.start_ns for open_ in self._windows.values()), default=window.order.end_ns)
        self._sender.clear_log(keep_ns)
        self._send(
            Ledger(
                number=number,
                outstanding=outstanding,
                members=pack(self.members.records()),
                absences=pack(self.members.absences()),
                sends=pack(window.due(sends)),
                withdrawn=pack(withdrawn),
                cost=self._cost(window),
            )
        )
        self.members.forget(keep_ns)
        if not self._windows:
            self._read_batching.is_on = False
            self._free_memory()

    def _free_memory(self) -> None:
        gc.enable()
        gc.unfreeze()

    def _cost(self, window: OpenWindow) -> Cost:
        wall_s, cpu_s = window.wall_and_cpu_s()
        return Cost(
            wall_s=wall_s,
            cpu_s=cpu_s,
            rss_bytes=self._rss_bytes(),
            reads=window.reads,
            frames=window.frames,
            without_timestamp=window.without_timestamp,
            arrived_in_window=window.arrived,
            clock_step_ns=self._clock.stepped_ns,
        )

    def _rss_bytes(self) -> int:
        with all_granted():
            return int(self._process.memory_info().rss)

    # In the background

    def _run(self) -> None:
        while True:
            gevent.sleep(POLL_S)
            now_ns = self._clock.now_ns()
            for window in self._windows.values():
                window.read_clocks(now_ns)
            while self._should_digest():
                self._digest()
                self._report()
                gevent.sleep(0.001)
            self._is_parse_requested = False
            for window in [window for window in self._windows.values() if window.order.end_ns <= now_ns]:
                window.update_drain(self.members.records, lambda: self._sender.unsent)
            self._report()

    def _send_heartbeats(self) -> None:
        """Send the protocol's heartbeats, a few members at a time, so that they delay nothing."""
        every_s = self._driver.heartbeat_every_s
        while every_s:
            gevent.sleep(every_s)
            for number, slot in enumerate(self.members.slots):
                if websocket := self.members.open_websocket(slot):
                    websocket.send_message(self._driver.heartbeat())
                if number % HEARTBEATS_A_TURN == 0:
                    gevent.sleep(0.001)

    def _should_digest(self) -> bool:
        reads = self._recorder.reads
        if not reads:
            return False
        now_ns = self._clock.now_ns()
        is_draining = any(w.order.end_ns <= now_ns for w in self._windows.values())
        is_in_window = any(w.order.begin_ns <= now_ns < w.order.end_ns for w in self._windows.values())
        is_old = reads[0][3] < time.time_ns() - HOLD_NS
        is_much = self._recorder.held_bytes() > HOLD_BYTES
        return self._is_parse_requested or is_draining or not is_in_window or is_old or is_much

    def _digest(self) -> None:
        digest = self._recorder.digest(SLICE, SLICE_BYTES)
        self._received += len(digest.deliveries.seq)
        for window in self._windows.values():
            window.add(digest)

    def _report(self) -> None:
        outstanding = {
            number: left for number, window in self._windows.items() if (left := window.outstanding) is not None
        }
        is_news = outstanding != self._reported_outstanding and not self._recorder.reads
        if time.monotonic() < self._reported_s + REPORT_S and not is_news:
            return
        self._reported_s = time.monotonic()
        self._reported_outstanding = outstanding
        self._send(
            State(
                joined=self.members.slots,
                stalled=len(self.members.stalled),
                flooders=len(self.members.flooders),
                failed=self.members.failed,
                reads=self._recorder.parsed - self._recorder.parsed_pings,
                sent=self._sender.sent,
                received=self._received,
                outstanding=outstanding,
                problems=self.members.problems,
            )
        )
