"""Leads the swarm through its steps: everybody in, quiet, warm-up, window, drain, verdict.

Runs where Locust decides the user count: on its master, or in the only process.
"""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable

import gevent
import gevent.event

from loadtest.account import Account
from loadtest.exchange import Collect, Ledger, State, Stop, ToConductor, ToGenerator, WindowOrder, unpack
from loadtest.ledger import Deliveries, Members, Sends, Window, judge
from loadtest.options import Options
from loadtest.result import FORMAT, Step, SwarmResult, write
from loadtest.verdict import Measured, to_step

logger = logging.getLogger(__name__)

QUIET_S = 0.5
QUIET_LIMIT_S = 30.0
JOIN_LIMIT_S = 30.0
"""Users have this long to join beyond what the join rate asks for."""
LEAD_S = 0.3
"""An order goes out this long before its schedule begins."""
LATE_S = 1.0
"""After a drain that ran out: what comes within this time is counted as late."""
HAND_OVER_LIMIT_S = 120.0
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
        tell: Callable[[ToGenerator], None],
    ) -> None:
        self._options = options
        self._join_rate = join_rate
        self._wanted_users = wanted_users
        self._tell = tell
        self._states: dict[str, State] = {}
        self._ledgers: dict[int, dict[str, Ledger]] = defaultdict(dict)
        self._numbers = iter(range(2**31))
        self._stop = gevent.event.Event()
        self._interrupted = False
        self._steps: list[Step] = []
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

    @property
    def result(self) -> SwarmResult:
        """What was measured so far."""
        return SwarmResult(
            format=FORMAT,
            workers=len(self._states),
            steps=self._steps,
            not_measured=self._not_measured,
            interrupted=self._interrupted and bool(self._options.steps),
            problems=self._problems,
        )

    def hear(self, generator: str, message: ToConductor) -> None:
        """Take what a generator says."""
        match message:
            case State():
                self._states[generator] = message
            case Ledger():
                self._ledgers[message.number][generator] = message

    # Steps

    def _run(self) -> None:
        try:
            if self._options.steps:
                self._sweep(self._options.steps)
            else:
                self._follow()
        except Exception as error:
            self._problems.append(f"the swarm itself failed: {error!r}")
            raise
        finally:
            self._write()

    def _sweep(self, counts: tuple[int, ...]) -> None:
        for position, users in enumerate(counts):
            step = None if self._stop.is_set() else self._measure(users, lambda: False)
            if step is None or not step.drained:
                self._not_measured = list(counts[position + bool(step) :])
                return
            self._write()

    def _follow(self) -> None:
        while not self._stop.is_set():
            users = self._wanted_users()
            if self._measure(users, lambda users=users: self._wanted_users() == users) is None:  # type: ignore[misc]
                return

    def _measure(self, users: int, goes_on: Callable[[], bool]) -> Step | None:
        """Measure one user count, window after window while `goes_on()`; `None` where there was nothing to judge."""
        self.target_users = users
        problems = self._gather(users)
        room = sorted(number for state in self._states.values() for number in state.joined)
        if self._stop.is_set() or not room:
            self._problems += problems + self._problems_of_generators()
            return None
        measured = Measured(users, len(room), Account(), [], [], True, problems)
        begin_ns = time.time_ns() + int(LEAD_S * 1e9)
        start_ns = begin_ns + int(self._options.warmup_s * 1e9)
        settling = []
        while True:
            end_ns = start_ns + int(self._options.dwell_s * 1e9)
            order = WindowOrder(next(self._numbers), room, begin_ns, start_ns, end_ns)
            logger.info("%d users: window %d", users, order.number)
            self._tell(order)
            if self._stop.wait(_seconds_until(end_ns) - LEAD_S):
                end_ns = min(end_ns, time.time_ns())
                self._tell(Stop(end_ns))
            settling.append(gevent.spawn(self._settle, order.number, start_ns, end_ns, measured))
            if self._stop.is_set() or not goes_on():
                break
            begin_ns = start_ns = end_ns
            settling = [greenlet for greenlet in settling if not greenlet.dead]
        gevent.joinall(settling, raise_error=True)
        if not measured.account.windows:
            return None
        measured.problems += self._problems_of_generators()
        step = to_step(measured, workers=len(self._states))
        self._steps.append(step)
        return step

    def _problems_of_generators(self) -> list[str]:
        return sorted({problem for state in self._states.values() for problem in state.problems})

    def _gather(self, users: int) -> list[str]:
        """Wait until everybody has joined and the room is quiet; return what went wrong."""
        failed_before = sum(state.failed for state in self._states.values())
        limit = time.monotonic() + users / self._join_rate + JOIN_LIMIT_S

        def is_settled() -> bool:
            joined = sum(len(state.joined) for state in self._states.values())
            failed = sum(state.failed for state in self._states.values()) - failed_before
            return joined >= users or (failed > 0 and joined + failed >= users)

        while not is_settled() and time.monotonic() < limit and not self._stop.wait(_POLL_S):
            pass
        return (
            [] if self._wait_for_quiet() else [f"the room was not quiet within {QUIET_LIMIT_S:g} s before the window"]
        )

    def _wait_for_quiet(self) -> bool:
        limit = time.monotonic() + QUIET_LIMIT_S
        reads, since = -1, time.monotonic()
        while time.monotonic() < limit:
            now_reads = sum(state.reads for state in self._states.values())
            if now_reads != reads:
                reads, since = now_reads, time.monotonic()
            elif time.monotonic() - since >= QUIET_S:
                return True
            if self._stop.wait(_POLL_S):
                return True
        return False

    # Windows

    def _settle(self, number: int, start_ns: int, end_ns: int, measured: Measured) -> None:
        """Drain a window, collect its ledgers and judge it."""
        gevent.sleep(_seconds_until(end_ns))
        limit_ns = end_ns + int(self._options.drain_s * 1e9)
        while (left := self._outstanding(number)) and time.time_ns() < limit_ns:
            gevent.sleep(_POLL_S)
        drain_end_ns = min(time.time_ns(), limit_ns)
        if left:
            gevent.sleep(LATE_S)
        self._tell(Collect(number))
        limit = time.monotonic() + HAND_OVER_LIMIT_S
        while len(self._ledgers[number]) < len(self._states) and time.monotonic() < limit:
            gevent.sleep(_POLL_S)
        ledgers = self._ledgers.pop(number)
        for missing in self._states.keys() - ledgers.keys():
            measured.problems.append(f"worker {missing} did not hand over its ledger: it died or is overloaded")
        if start_ns >= end_ns or not ledgers:
            return
        window = Window(start_ns, end_ns, drain_end_ns, leave_margin_ns=int(self._options.drain_s * 1e9))
        measured.account.add(
            judge(
                window,
                Members.concatenate([unpack(Members, ledger.members) for ledger in ledgers.values()]),
                Sends.concatenate([unpack(Sends, ledger.sends) for ledger in ledgers.values()]),
                Deliveries.concatenate([unpack(Deliveries, ledger.deliveries) for ledger in ledgers.values()]),
            )
        )
        measured.windows.append(window)
        measured.costs.append([ledger.cost for ledger in ledgers.values()])
        measured.drained &= not left

    def _outstanding(self, number: int) -> float:
        """Return how many deliveries of an ended window have not come; infinite while a generator has not counted."""
        return sum(state.outstanding.get(number, math.inf) for state in self._states.values())

    def _write(self) -> None:
        if self._options.swarm_out:
            write(self.result, self._options.swarm_out)


def _seconds_until(time_ns: int) -> float:
    return max(0.0, (time_ns - time.time_ns()) / 1e9)
