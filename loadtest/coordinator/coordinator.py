"""Leads the swarm through its steps: users join, the room is quiet, warm-up, window, drain, judgement.

Runs where Locust decides the user count: on its master, or in the only process.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import gevent
import gevent.event
import msgspec

from loadtest.client.descriptors import all_granted
from loadtest.coordinator.collector import Collector, OrderedWindow, seconds_until
from loadtest.coordinator.rehearsal import Rehearsal
from loadtest.coordinator.waiting import INTERRUPTED_QUIET_LIMIT_S, wait_for_quiet, wait_for_users
from loadtest.coordinator.workers import Workers
from loadtest.errors import JudgeError
from loadtest.ledger.aggregate import Figures
from loadtest.ledger.handover import Received
from loadtest.ledger.judge_process import Judge
from loadtest.ledger.measured import Measured
from loadtest.ledger.records import ORDER_MARGIN_NS, Sends, room_of
from loadtest.ledger.result import FORMAT, Second, Step, SwarmResult, write
from loadtest.ledger.step import to_step
from loadtest.options import Options
from loadtest.schedule.plan import plan
from loadtest.schedule.window_order import WindowOrder
from loadtest.worker.messages import Ledger, Stop, StopReading, ToCoordinator, ToWorker

logger = logging.getLogger(__name__)

QUIET_LIMIT_S = 30.0
JOIN_LIMIT_S = 30.0
"""Users have this long to join beyond what the join rate asks for."""
LEAD_S = 0.3
"""An order goes out this long before its schedule begins."""
WRITE_EVERY_S = 60.0
REPORT_S = 120.0
"""The judge has this long for a report, as it may get little CPU time."""
ABANDONED_REPORT_S = 5.0
"""The same, once the run was abandoned."""


class Coordinator:
    """One run of the swarm; `target_users` is how many users Locust is to run.

    `wanted_users` gives the user count of a run without `--steps`; it may change during the run. `on_judged` gets the
    seconds of each window, soon after it was judged.
    """

    def __init__(
        self,
        options: Options,
        join_rate: float,
        wanted_users: Callable[[], int],
        send: Callable[[ToWorker, str], None],
        rehearsal: Rehearsal,
        on_judged: Callable[[Sequence[Second]], None],
    ) -> None:
        self._rehearsal = rehearsal
        self._on_judged = on_judged
        self._options = options
        self._join_rate = join_rate
        self._wanted_users = wanted_users
        self._send = send
        self._workers = Workers(send)
        self._judge = Judge()
        self._numbers = iter(range(2**31))
        self._windows_of = Counter[int]()  # by user count
        self._next_seq = 0
        self._stop = gevent.event.Event()
        self._collector = Collector(options.drain_s, self._workers, self._judge, send, self._stop)
        self._interrupted = False
        self._is_abandoned = False
        self._steps: list[Step] = []
        self._measured: Measured | None = None
        self._figures: Figures | None = None  # of `_measured`, as last reported by the judge
        self._written_s = time.monotonic()
        self._not_measured: list[int] = []
        self._problems: list[str] = []
        self.target_users = options.steps[0] if options.steps else wanted_users()
        self._greenlet = gevent.spawn(self._run)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to measure."""
        return bool(self._greenlet.dead)

    def finish(self) -> None:
        """End the run now: the window ends here, drains and is judged. Does nothing once the run is finished."""
        is_measuring = self._measured is not None or bool(self._not_measured)
        self._interrupted |= is_measuring and not self.finished
        self._stop.set()
        self._greenlet.join()

    def abandon(self) -> None:
        """End the run at once; open windows are lost, judged ones are kept."""
        self._interrupted = self._is_abandoned = True
        self._greenlet.kill()

    @property
    def result(self) -> SwarmResult:
        """The result so far."""
        steps, not_measured = list(self._steps), self._not_measured
        if self._measured and self._figures:
            steps.append(to_step(self._measured, self._figures))
            not_measured = not_measured[1:]
        return SwarmResult(
            format=FORMAT,
            workers=len(self._workers),
            steps=steps,
            not_measured=not_measured,
            interrupted=self._interrupted and bool(self._options.steps),
            problems=self._problems,
            messages_sent=self._workers.sent + self._rehearsal.sent,
            deliveries_received=self._workers.received + self._rehearsal.received,
            members_lost=self._workers.failed,
            flooders=self._options.flood.users,
        )

    def receive(self, worker: str, message: ToCoordinator) -> None:
        """Take a worker's message."""
        if isinstance(message, Received | Ledger):
            self._collector.receive(worker, message)
        else:
            self._workers.receive(worker, message)

    # Steps

    def _run(self) -> None:
        try:
            if self._options.steps:
                self._sweep(self._options.steps)
            else:
                self._follow_user_count()
            wait_for_quiet(self._workers, INTERRUPTED_QUIET_LIMIT_S, self._stop)
        except Exception as error:
            self._problems.append(f"the swarm itself failed: {error!r}")
            raise
        finally:
            self._update_figures(ABANDONED_REPORT_S if self._is_abandoned else REPORT_S)
            if self._measured and not self._figures:
                self._problems += self._measured.problems
            self._judge.close()
            self._write()

    def _sweep(self, counts: tuple[int, ...]) -> None:
        for position, users in enumerate(counts):
            self._not_measured = list(counts[position:])
            step = None if self._stop.is_set() else self._measure(users, lambda: False)
            if step is None:
                return
            self._not_measured = list(counts[position + 1 :])
            if not step.drained:
                return
            self._write()

    def _follow_user_count(self) -> None:
        while not self._stop.is_set():
            users = self._wanted_users()
            step = self._measure(users, lambda users=users: self._wanted_users() == users)  # type: ignore[misc]
            if step is None or not self._judge.is_running:
                return

    def _measure(self, users: int, should_continue: Callable[[], bool]) -> Step | None:
        """Measure one user count, window after window while `should_continue()`; `None` if nothing was judged."""
        self.target_users = users
        wait_for_users(self._workers, users, users / self._join_rate + JOIN_LIMIT_S, self._stop)
        is_quiet = wait_for_quiet(self._workers, QUIET_LIMIT_S, self._stop)
        members = self._workers.members
        if self._stop.is_set() or not members:
            self._problems += self._workers.problems
            if not is_quiet:
                self._problems.append("the run ended before the room was quiet; who else is sending?")
            return None
        self._judge.begin()
        self._measured = measured = Measured(
            users,
            self._workers.present,
            self._workers.stalled,
            wanted_stalled=self._options.stalled,
            rejoins=self._options.rejoin_every_s > 0,
            rooms=self._options.rooms,
        )
        if not is_quiet:
            measured.note(f"the room was not quiet within {QUIET_LIMIT_S:g} s before the window; who else is sending?")
        rooms = self._options.rooms
        if empty := rooms - len({room_of(member, rooms) for member in members}):
            measured.note(
                f"{empty} of {rooms} rooms have no member, so less was offered; have several users for each room, or "
                "run the swarm in one process"
            )
        begin_ns = time.time_ns() + int(LEAD_S * 1e9)
        start_ns = begin_ns + int(self._options.warmup_s * 1e9)
        collecting = []
        earlier = Sends.concatenate([])
        while True:
            end_ns = start_ns + int(self._options.dwell_s * 1e9)
            nth, self._windows_of[users] = self._windows_of[users], self._windows_of[users] + 1
            number = next(self._numbers)
            order = WindowOrder(
                number,
                members,
                begin_ns,
                start_ns,
                end_ns,
                self._next_seq,
                users=users,
                nth=nth,
                has_echo=self._options.endpoint.has_echo,
                rooms=self._options.rooms,
            )
            planned = plan(self._options.load, order)
            self._next_seq = int(planned.seq.max(initial=self._next_seq)) + 1
            logger.info("%d users: window %d", users, order.number)
            clocks = {name: self._workers.clock(name) for name in self._workers.alive}
            for name, clock in clocks.items():
                self._send(msgspec.structs.replace(order, ahead_ns=clock.ahead_ns), name)
            earlier = earlier.select(earlier.due_ns >= start_ns - ORDER_MARGIN_NS)
            window = OrderedWindow(order, planned, earlier, clocks)
            if self._stop.wait(seconds_until(end_ns) - LEAD_S):
                end_ns = max(begin_ns, min(end_ns, time.time_ns()))  # the window before this one runs to its end
                for name in clocks:
                    self._send(Stop(end_ns), name)
            collecting.append(gevent.spawn(self._collect, window, end_ns, measured))
            if self._stop.is_set() or not should_continue() or not self._judge.is_running:
                break
            begin_ns = start_ns = end_ns
            earlier = Sends.concatenate([earlier, planned])
            collecting = [greenlet for greenlet in collecting if not greenlet.dead]
        gevent.joinall(collecting, raise_error=True)
        measured.note(*self._workers.problems)
        if measured.has_backlog and (self._options.steps or self._stop.is_set()):
            # The sweep ends here. A server that still sends would keep the swarm busy, and the judge from its core.
            for name in self._workers.alive:
                self._send(StopReading(), name)
        self._update_figures()
        figures, self._figures, self._measured = self._figures, None, None
        if figures is None:
            self._problems += measured.problems
            return None
        step = to_step(measured, figures)
        self._steps.append(step)
        return step

    # Results

    def _collect(self, window: OrderedWindow, end_ns: int, measured: Measured) -> None:
        is_judged = self._collector.collect(window, end_ns, measured)
        if is_judged:
            gevent.spawn(self._tell_judged)
        # A crash must not lose all windows of a run of hours.
        if is_judged and time.monotonic() > self._written_s + WRITE_EVERY_S:
            self._update_figures(is_urgent=False)
            self._write()

    def _tell_judged(self) -> None:
        with suppress(JudgeError):  # the figures are asked for, too, and what is wrong is told there
            self._on_judged(self._judge.recent(REPORT_S))

    def _update_figures(self, limit_s: float = REPORT_S, *, is_urgent: bool = True) -> None:
        """Have the judge report, within a limit, the figures since the step began; urgently if no window runs.

        Else it may get no CPU time, and is asked again later: nothing is lost.
        """
        if not self._measured or not self._measured.windows:
            return
        try:
            self._figures = self._judge.report(limit_s, is_urgent=is_urgent)
        except JudgeError as error:
            if is_urgent:
                self._measured.note(f"{error}; figures that it had not reported are lost")

    def _write(self) -> None:
        self._written_s = time.monotonic()
        if self._options.swarm_out:
            with all_granted():
                write(self.result, self._options.swarm_out)
