"""Leads the swarm through its steps: everybody in, quiet, warm-up, window, drain, verdict.

Runs where Locust decides the user count: on its master, or in the only process.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable

import gevent
import gevent.event
import msgspec

from loadtest.client.descriptors import all_granted
from loadtest.coordinator.workers import SILENT_S, Peers
from loadtest.errors import JudgeError
from loadtest.ledger.aggregate import Figures
from loadtest.ledger.handover import Received
from loadtest.ledger.judge_process import Case, Judge
from loadtest.ledger.records import Sends, Window, pack
from loadtest.ledger.result import FORMAT, Step, SwarmResult, write
from loadtest.ledger.validity import Measured, to_step
from loadtest.options import Options
from loadtest.schedule.plan import plan
from loadtest.schedule.window_order import WindowOrder
from loadtest.worker.messages import Collect, Ledger, Stop, ToConductor, ToGenerator

logger = logging.getLogger(__name__)

QUIET_S = 0.5
QUIET_LIMIT_S = 30.0
LAST_QUIET_LIMIT_S = 3.0
JOIN_LIMIT_S = 30.0
"""Users have this long to join beyond what the join rate asks for."""
LEAD_S = 0.3
"""An order goes out this long before its schedule begins."""
IMPATIENT_DRAIN_NS = 2_000_000_000
"""Once the run is to end, a drain has at most this long."""
LATE_S = 1.0
"""After a drain that ran out: what comes within this time is counted as late."""
WRITE_EVERY_S = 60.0
REPORT_S = 120.0
"""The judge has this long for a report, as it may get little CPU time."""
IMPATIENT_REPORT_S = 5.0
_POLL_S = 0.02


class Conductor:
    """One run of the swarm; `target_users` is how many users Locust is to keep, `finished` tells that all is done.

    `wanted_users` gives the user count of a run without `--steps`; it may change while the run goes on.
    """

    def __init__(
        self,
        options: Options,
        join_rate: float,
        wanted_users: Callable[[], int],
        tell: Callable[[ToGenerator, str], None],
    ) -> None:
        self._options = options
        self._join_rate = join_rate
        self._wanted_users = wanted_users
        self._tell = tell
        self._peers = Peers(tell)
        self._judge = Judge()
        self._ledgers: dict[int, dict[str, Ledger]] = defaultdict(dict)
        self._numbers = iter(range(2**31))
        self._next_seq = 0
        self._stop = gevent.event.Event()
        self._interrupted = False
        self._is_abandoned = False
        self._steps: list[Step] = []
        self._measured: Measured | None = None
        self._figures: Figures | None = None  # of what is measured, as last reported by the judge
        self._written_s = 0.0
        self._not_measured: list[int] = []
        self._problems: list[str] = []
        self.target_users = options.steps[0] if options.steps else wanted_users()
        self._greenlet = gevent.spawn(self._run)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to measure."""
        return bool(self._greenlet.dead)

    def finish(self) -> None:
        """End the run now: the window is cut here, drained and judged. Does nothing once it is finished."""
        self._interrupted |= not self.finished
        self._stop.set()
        self._greenlet.join()

    def abandon(self) -> None:
        """End the run at once; the window that is open is lost, what was judged is not."""
        self._interrupted = self._is_abandoned = True
        self._greenlet.kill()

    @property
    def result(self) -> SwarmResult:
        """What was measured so far."""
        steps, not_measured = list(self._steps), self._not_measured
        if self._measured and self._figures:
            steps.append(to_step(self._measured, self._figures))
            not_measured = not_measured[1:]
        return SwarmResult(
            format=FORMAT,
            workers=len(self._peers),
            steps=steps,
            not_measured=not_measured,
            interrupted=self._interrupted and bool(self._options.steps),
            problems=self._problems,
            messages_sent=self._peers.sent,
            deliveries_received=self._peers.received,
            members_lost=self._peers.failed,
        )

    def hear(self, generator: str, message: ToConductor) -> None:
        """Take what a generator says."""
        match message:
            case Received(number, deliveries):
                self._judge.receive(number, deliveries)
            case Ledger(number):
                self._ledgers[number][generator] = message
            case _:
                self._peers.hear(generator, message)

    # Steps

    def _run(self) -> None:
        try:
            if self._options.steps:
                self._sweep(self._options.steps)
            else:
                self._follow()
            self._wait_for_quiet(LAST_QUIET_LIMIT_S)
        except Exception as error:
            self._problems.append(f"the swarm itself failed: {error!r}")
            raise
        finally:
            self._update_figures(IMPATIENT_REPORT_S if self._is_abandoned else REPORT_S)
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

    def _follow(self) -> None:
        while not self._stop.is_set():
            users = self._wanted_users()
            step = self._measure(users, lambda users=users: self._wanted_users() == users)  # type: ignore[misc]
            if step is None or not self._judge.is_running:
                return

    def _measure(self, users: int, goes_on: Callable[[], bool]) -> Step | None:
        """Measure one user count, window after window while `goes_on()`; `None` where there was nothing to judge."""
        self.target_users = users
        self._gather(users)
        is_quiet = self._wait_for_quiet(QUIET_LIMIT_S)
        room = self._peers.room
        if self._stop.is_set() or not room:
            self._problems += self._peers.problems
            if not is_quiet:
                self._problems.append("the run ended before the room was quiet: who else talks?")
            return None
        self._judge.begin()
        self._measured = measured = Measured(
            users,
            self._peers.present,
            self._peers.stalled,
            wanted_stalled=self._options.stalled,
            rejoins=self._options.rejoin_every_s > 0,
        )
        if not is_quiet:
            measured.note(f"the room was not quiet for {QUIET_LIMIT_S:g} s before the window: who else talks?")
        begin_ns = time.time_ns() + int(LEAD_S * 1e9)
        start_ns = begin_ns + int(self._options.warmup_s * 1e9)
        settling = []
        while True:
            end_ns = start_ns + int(self._options.dwell_s * 1e9)
            order = WindowOrder(next(self._numbers), room, begin_ns, start_ns, end_ns, self._next_seq)
            planned = plan(self._options.load, order)
            self._next_seq = int(planned.seq.max(initial=self._next_seq)) + 1
            logger.info("%d users: window %d", users, order.number)
            ordered = self._peers.alive
            for name in ordered:
                self._tell(msgspec.structs.replace(order, ahead_ns=self._peers.ahead_ns(name)), name)
            if self._stop.wait(_seconds_until(end_ns) - LEAD_S):
                end_ns = max(begin_ns, min(end_ns, time.time_ns()))  # the window before this one runs to its end
                for name in ordered:
                    self._tell(Stop(end_ns), name)
            settling.append(gevent.spawn(self._settle, order, planned, ordered, end_ns, measured))
            if self._stop.is_set() or not goes_on() or not self._judge.is_running:
                break
            begin_ns = start_ns = end_ns
            settling = [greenlet for greenlet in settling if not greenlet.dead]
        gevent.joinall(settling, raise_error=True)
        measured.note(*self._peers.problems)
        self._update_figures()
        figures, self._figures, self._measured = self._figures, None, None
        if figures is None:
            self._problems += measured.problems
            return None
        step = to_step(measured, figures)
        self._steps.append(step)
        return step

    def _gather(self, users: int) -> None:
        """Wait until all have joined, or failed to, or should have long ago; or left, where there are to be fewer."""
        failed_before = self._peers.failed
        limit = time.monotonic() + users / self._join_rate + JOIN_LIMIT_S

        def is_settled() -> bool:
            present, failed = self._peers.present, self._peers.failed - failed_before
            return present == users or (present < users <= present + failed)

        while not is_settled() and time.monotonic() < limit and not self._stop.wait(_POLL_S):
            pass

    def _wait_for_quiet(self, limit_s: float) -> bool:
        """Wait until nothing was read for a while; return whether that came to be. A run that is to end waits less."""
        limit = time.monotonic() + limit_s
        reads, since = -1, time.monotonic()
        while time.monotonic() < limit:
            if self._peers.reads != reads:
                reads, since = self._peers.reads, time.monotonic()
            elif time.monotonic() - since >= QUIET_S:
                return True
            if self._stop.is_set():
                limit = min(limit, time.monotonic() + LAST_QUIET_LIMIT_S)
            gevent.sleep(_POLL_S)
        return False

    # Windows

    def _settle(self, order: WindowOrder, planned: Sends, ordered: set[str], end_ns: int, measured: Measured) -> None:
        """Drain a window, collect the ledgers of those that it was `ordered` from, and judge it up to `end_ns`."""
        number, start_ns, is_cut = order.number, order.start_ns, False
        gevent.sleep(_seconds_until(end_ns))
        limit_ns = end_ns + int(self._options.drain_s * 1e9)
        while (left := self._peers.outstanding(number, ordered)) and time.time_ns() < limit_ns:
            gevent.sleep(_POLL_S)
            if self._stop.is_set() and time.time_ns() + IMPATIENT_DRAIN_NS < limit_ns:
                limit_ns = time.time_ns() + IMPATIENT_DRAIN_NS
                is_cut = True
        drain_end_ns = min(time.time_ns(), limit_ns)
        if left and is_cut:
            measured.note("interrupted while messages were under way; what had not come then reads as missing")
        if left:
            gevent.sleep(LATE_S)
        for name in ordered:
            self._tell(Collect(number), name)
        while self._peers.alive & ordered - self._ledgers[number].keys():
            gevent.sleep(_POLL_S)
        ledgers = self._ledgers.pop(number)
        for name in sorted(ordered - ledgers.keys()):
            measured.note(
                f"worker {name} was not heard for {SILENT_S:g} s and did not hand over its ledger: "
                "it died or its machine is overloaded; see its log"
            )
        if start_ns >= end_ns or not ledgers:
            return
        case = Case(
            number=number,
            start_ns=start_ns,
            end_ns=end_ns,
            drain_end_ns=drain_end_ns,
            leave_margin_ns=int(self._options.drain_s * 1e9),
            members=[ledger.members for ledger in ledgers.values()],
            planned=pack(planned),
            sends=[ledger.sends for ledger in ledgers.values()],
            withdrawn=[ledger.withdrawn for ledger in ledgers.values()],
        )
        self._judge.judge(case)
        measured.windows.append(Window(start_ns, end_ns, drain_end_ns, case.leave_margin_ns))
        measured.costs.append([ledger.cost for ledger in ledgers.values()])
        measured.drained &= not left
        measured.clock_uncertainty_ns = self._peers.clock_uncertainty_ns
        if time.monotonic() > self._written_s + WRITE_EVERY_S:  # a run of hours must not lose them all in a crash
            self._update_figures()
            self._write()

    def _update_figures(self, limit_s: float = REPORT_S) -> None:
        """Have the judge report, within a limit, on what was measured since the step began."""
        if not self._measured or not self._measured.windows:
            return
        try:
            self._figures = self._judge.report(limit_s)
        except JudgeError as error:
            self._measured.note(f"{error}; what it had not reported is lost")

    def _write(self) -> None:
        self._written_s = time.monotonic()
        if self._options.swarm_out:
            with all_granted():
                write(self.result, self._options.swarm_out)


def _seconds_until(time_ns: int) -> float:
    return max(0.0, (time_ns - time.time_ns()) / 1e9)
