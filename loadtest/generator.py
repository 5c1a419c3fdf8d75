"""One process's share of the swarm: its members, the open-loop schedule that they send on, what they receive."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import gevent
import msgspec
import numpy as np
import psutil

from loadtest.exchange import Collect, Cost, Ledger, State, Stop, ToConductor, ToGenerator, WindowOrder, pack
from loadtest.ledger import NEVER, Deliveries, Members, Sends
from loadtest.options import Options
from loadtest.recorder import Counters, Recorder
from loadtest.schedule import ARRIVALS
from loadtest.stamp import stamped_text
from loadtest.tally import Tally
from loadtest.timer import new_timer
from loadtest.websocket import Read, WebSocket

SLICE_READS = 1000
"""Reads parsed at a time: about 1 ms, so that parsing never holds up what is due."""
HOLD_NS = 10_000_000_000
"""Within a window what was read waits unparsed for this long; a window longer than that is parsed while it runs."""
TEND_S = 0.02
REPORT_S = 0.2


@dataclass(slots=True, eq=False)
class Member:
    """A user in the room; `left_ns` is set when it leaves by its own plan."""

    number: int
    websocket: WebSocket
    joined_ns: int
    left_ns: int = NEVER


@dataclass(slots=True)
class _OpenWindow:
    order: WindowOrder
    planned: Sends
    tally: Tally | None = None
    arrived: int = 0
    clocks: list[tuple[float, float]] = field(default_factory=list)  # (wall, CPU) seconds at its start and end


def clock_offset_ns() -> int:
    """Return CLOCK_REALTIME minus CLOCK_MONOTONIC, nanoseconds."""
    before_ns = time.monotonic_ns()
    real_ns = time.time_ns()
    return real_ns - (before_ns + time.monotonic_ns()) // 2


class Generator:
    """Runs the windows that a conductor orders, over the members that join.

    `tell` takes what the conductor is to know. Nothing here holds up the hub for longer than a slice of parsing.
    """

    def __init__(self, options: Options, tell: Callable[[ToConductor], None]) -> None:
        self._options = options
        self._tell = tell
        self._recorder = Recorder()
        self._counted = Counters()
        self._members: dict[int, Member] = {}
        self._gone: list[Member] = []
        self._own: set[int] = set()
        self._failed = 0
        self._problems: list[str] = []
        self._seq: dict[int, int] = {}
        self._due: list[tuple[int, int, int]] = []  # (due_ns, sender, seq), ascending
        self._next = 0
        self._gate_ns = [NEVER]
        self._timer = new_timer(self.catch_up)
        self._clock_offset_ns = clock_offset_ns()
        self._sends: list[tuple[int, int, int, int]] = []
        self._deliveries: list[Deliveries] = []
        self._windows: dict[int, _OpenWindow] = {}
        self._process = psutil.Process()
        self._reported_s = 0.0
        self._is_hurried = False
        self._greenlet = gevent.spawn(self._tend)

    def close(self) -> None:
        """Stop sending and parsing; members are left to their users."""
        self._greenlet.kill()
        self._timer.close()
        gc.enable()

    def newest_reads(self, most: int) -> list[Read]:
        """Return up to `most` of the last reads that are not parsed yet."""
        reads = self._recorder.reads
        return [reads[-n] for n in range(1, min(most, len(reads)) + 1)]

    # Members

    def join(self, number: int, websocket: WebSocket, on_lost: Callable[[str], None]) -> Member:
        """Take a connected user into the room; `on_lost` gets the reason should it fall out of it unplanned."""

        def ended() -> None:
            self._recorder.forget(tag)
            if self._members.pop(number, None) and member.left_ns == NEVER:
                self._gone.append(member)
                self._failed += 1
                on_lost(websocket.why_ended())

        joined_ns = time.time_ns()
        tag = self._recorder.add(number, websocket, joined_ns, ended)
        member = Member(number, websocket, joined_ns)
        self._members[number] = member
        self._own.add(number)
        websocket.watch(self._recorder.reads.append, tag, self._gate_ns, self.catch_up, self._hurry)
        return member

    def leave(self, member: Member, timeout_s: float) -> None:
        """Let a member leave by its own plan, with a close handshake."""
        if self._members.get(member.number) is member and member.websocket.is_open:
            member.left_ns = time.time_ns()
            self._gone.append(member)
            member.websocket.close(timeout_s)

    def join_failed(self, problem: str) -> None:
        """Count a user that could not join, and keep the reason for the verdict."""
        self._failed += 1
        if problem not in self._problems:
            self._problems.append(problem)

    def _hurry(self) -> None:
        self._is_hurried = True

    # Sending

    def catch_up(self) -> None:
        """Send everything that is due by now, and set the timer for what is due next."""
        due = self._due
        while self._next < len(due) and due[self._next][0] <= time.monotonic_ns() + self._clock_offset_ns:
            self._next += 1
            self._send(*due[self._next - 1])
        if self._next < len(due):
            self._gate_ns[0] = due[self._next][0]
            self._timer.set(self._gate_ns[0] - self._clock_offset_ns)
        else:
            self._gate_ns[0] = NEVER

    def _send(self, due_ns: int, sender: int, seq: int) -> None:
        member = self._members.get(sender)
        if member is None or not member.websocket.is_open:
            self._sends.append((sender, seq, due_ns, NEVER))
            return
        sent_ns = time.time_ns()
        self._sends.append((sender, seq, due_ns, sent_ns))
        member.websocket.send_text(stamped_text(sender, seq, due_ns, sent_ns, self._options.message_size))

    # What the conductor asks for

    def handle(self, message: ToGenerator) -> None:
        """Do what the conductor says."""
        match message:
            case WindowOrder():
                self._begin(message)
            case Collect(number):
                self._hand_over(number)
            case Stop(end_ns):
                self._cut(end_ns)

    def _begin(self, order: WindowOrder) -> None:
        if not self._windows:
            gc.collect()
            gc.freeze()
            gc.disable()
            self._clock_offset_ns = clock_offset_ns()
            self._counted = self._recorder.counters
            self._gone.clear()
        random = np.random.default_rng((self._options.seed, order.number))
        schedule = ARRIVALS[self._options.arrival](
            self._options.rate, len(order.room), order.end_ns - order.begin_ns, random
        )
        due_ns = schedule.due_ns + order.begin_ns
        sender = np.array(order.room, np.int64)[schedule.sender]
        seq = np.array([self._next_seq(number) for number in sender.tolist()], np.int64)
        self._due = self._due[self._next :] + [
            mine for mine in zip(due_ns.tolist(), sender.tolist(), seq.tolist(), strict=True) if mine[1] in self._own
        ]
        self._next = 0
        planned = Sends(sender, seq, due_ns, due_ns).select(due_ns >= order.start_ns)
        self._windows[order.number] = _OpenWindow(order, planned)
        self.catch_up()

    def _next_seq(self, sender: int) -> int:
        seq = self._seq.get(sender, 0)
        self._seq[sender] = seq + 1
        return seq

    def _cut(self, end_ns: int) -> None:
        self._due = [due for due in self._due[self._next :] if due[0] < end_ns]
        self._next = 0
        for window in self._windows.values():
            if window.order.end_ns > end_ns:
                window.order = msgspec.structs.replace(window.order, end_ns=end_ns)
                window.planned = window.planned.select(window.planned.due_ns < end_ns)
        self.catch_up()

    def _hand_over(self, number: int) -> None:
        window = self._windows.pop(number)
        order = window.order
        self._digest_all()
        deliveries = Deliveries.concatenate(self._deliveries)
        sends = Sends(*np.array(self._sends, np.int64).reshape(-1, 4).T)
        keep_ns = min((open_.order.start_ns for open_ in self._windows.values()), default=order.end_ns)
        self._deliveries = [deliveries.select(deliveries.due_ns >= keep_ns)]
        self._sends = [send for send in self._sends if send[2] >= keep_ns]
        self._tell(
            Ledger(
                number=number,
                members=pack(self._everybody()),
                sends=pack(sends.select((sends.due_ns >= order.start_ns) & (sends.due_ns < order.end_ns))),
                deliveries=pack(
                    deliveries.select((deliveries.due_ns >= order.start_ns) & (deliveries.due_ns < order.end_ns))
                ),
                cost=self._cost(window),
            )
        )
        self._gone = [member for member in self._gone if member.left_ns >= keep_ns]
        if not self._windows:
            gc.enable()
            gc.unfreeze()

    def _everybody(self) -> Members:
        room = [*self._members.values(), *self._gone]
        return Members(*np.array([(m.number, m.joined_ns, m.left_ns) for m in room], np.int64).reshape(-1, 3).T)

    def _cost(self, window: _OpenWindow) -> Cost:
        while len(window.clocks) < 2:
            window.clocks.append((time.monotonic(), time.process_time()))
        (wall_start, cpu_start), (wall_end, cpu_end) = window.clocks
        counted, self._counted = self._counted, self._recorder.counters
        return Cost(
            wall_s=wall_end - wall_start,
            cpu_s=cpu_end - cpu_start,
            rss_bytes=self._process.memory_info().rss,
            reads=self._counted.reads - counted.reads,
            frames=self._counted.frames - counted.frames,
            without_timestamp=self._counted.without_timestamp - counted.without_timestamp,
            arrived_in_window=window.arrived,
            clock_step_ns=abs(clock_offset_ns() - self._clock_offset_ns),
        )

    # In the background

    def _tend(self) -> None:
        while True:
            gevent.sleep(TEND_S)
            now_ns = time.time_ns()
            for window in self._windows.values():
                if len(window.clocks) < (now_ns >= window.order.start_ns) + (now_ns >= window.order.end_ns):
                    window.clocks.append((time.monotonic(), time.process_time()))
            while self._may_digest():
                self._digest(SLICE_READS)
                gevent.sleep(0.001)
            self._is_hurried = False
            self._report()

    def _may_digest(self) -> bool:
        reads = self._recorder.reads
        if not reads:
            return False
        now_ns = time.time_ns()
        is_draining = any(w.order.end_ns <= now_ns for w in self._windows.values())
        is_in_window = any(w.order.begin_ns <= now_ns < w.order.end_ns for w in self._windows.values())
        return self._is_hurried or is_draining or not is_in_window or reads[0][3] < now_ns - HOLD_NS

    def _digest(self, most_reads: int) -> None:
        deliveries = self._recorder.digest(most_reads)
        self._deliveries.append(deliveries)
        for window in self._windows.values():
            order = window.order
            window.arrived += int(
                ((deliveries.arrival_ns >= order.start_ns) & (deliveries.arrival_ns < order.end_ns)).sum()
            )
            if window.tally:
                window.tally.add(deliveries)

    def _digest_all(self) -> None:
        while self._recorder.reads:
            self._digest(SLICE_READS)

    def _report(self) -> None:
        now_ns = time.time_ns()
        ended = [w for w in self._windows.values() if now_ns >= w.order.end_ns]
        if not ended and time.monotonic() < self._reported_s + REPORT_S:
            return
        self._reported_s = time.monotonic()
        for window in ended:
            if window.tally is None and not self._may_digest():
                window.tally = self._new_tally(window)
        self._tell(
            State(
                joined=sorted(self._members),
                failed=self._failed,
                reads=self._recorder.counters.reads + len(self._recorder.reads),
                outstanding={w.order.number: w.tally.outstanding for w in ended if w.tally},
                problems=self._problems,
            )
        )

    def _new_tally(self, window: _OpenWindow) -> Tally:
        never_sent = [(sender, seq) for sender, seq, _, sent_ns in self._sends if sent_ns == NEVER]
        tally = Tally(window.planned, self._everybody(), never_sent)
        for deliveries in self._deliveries:
            tally.add(deliveries)
        return tally
