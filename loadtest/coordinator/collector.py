"""Collects what the workers recorded of a window, once it has drained, and passes it to the judge."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import gevent.event

from loadtest.coordinator.clock_offset import ClockEstimate
from loadtest.coordinator.workers import SILENCE_LIMIT_S, Workers
from loadtest.ledger.handover import Received
from loadtest.ledger.judge_process import Case, Judge
from loadtest.ledger.measured import Measured
from loadtest.ledger.records import Sends, Window, pack
from loadtest.schedule.window_order import WindowOrder
from loadtest.worker.messages import Collect, Ledger, ToWorker

INTERRUPTED_DRAIN_NS = 2_000_000_000
"""Once the run is to end, a drain takes at most this long."""
LATE_S = 1.0
"""After a drain the room is watched for this long: for second copies, and for what comes late if it timed out."""
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class OrderedWindow:
    """A window that workers were ordered to run: its plan, and how far the clock of each of them was ahead.

    `planned` has the warm-up too, `earlier` what was due in windows shortly before this one.
    """

    order: WindowOrder
    planned: Sends
    earlier: Sends
    clocks: dict[str, ClockEstimate]


class Collector:
    """The ledgers of all open windows, by worker; `stop` is set once the run is to end."""

    def __init__(
        self,
        drain_s: float,
        workers: Workers,
        judge: Judge,
        send: Callable[[ToWorker, str], None],
        stop: gevent.event.Event,
    ) -> None:
        self._drain_ns = int(drain_s * 1e9)
        self._workers = workers
        self._judge = judge
        self._send = send
        self._stop = stop
        self._ledgers: dict[int, dict[str, Ledger]] = defaultdict(dict)

    def receive(self, worker: str, message: Received | Ledger) -> None:
        """Take a worker's reply to `Collect`."""
        match message:
            case Received(number, deliveries):
                self._judge.receive(number, deliveries)
            case Ledger(number):
                self._ledgers[number][worker] = message

    def collect(self, window: OrderedWindow, end_ns: int, measured: Measured) -> bool:
        """Let a window drain, collect the ledgers of its workers, and have it judged up to `end_ns`.

        Return whether there was anything to judge. Problems, costs and the window itself are added to `measured`.
        """
        order, ordered = window.order, set(window.clocks)
        gevent.sleep(seconds_until(end_ns))
        clock_uncertainty_ns = self._workers.clock_uncertainty_ns(window.clocks)
        drain_end_ns = self._drain(order.number, ordered, end_ns, measured)
        gevent.sleep(LATE_S)
        ledgers = self._gather(order.number, ordered)
        for name in sorted(ordered - ledgers.keys()):
            measured.note(
                f"worker {name} was silent for {SILENCE_LIMIT_S:g} s and did not hand over its ledger: "
                "it died or its machine is overloaded; see its log"
            )
        measured.has_backlog |= any(ledger.outstanding for ledger in ledgers.values())
        if order.start_ns >= end_ns or not ledgers:
            return False
        case = Case(
            number=order.number,
            start_ns=order.start_ns,
            end_ns=end_ns,
            drain_end_ns=drain_end_ns,
            leave_margin_ns=self._drain_ns,
            members=[ledger.members for ledger in ledgers.values()],
            absences=[ledger.absences for ledger in ledgers.values()],
            planned=pack(window.planned),
            earlier=pack(window.earlier),
            sends=[ledger.sends for ledger in ledgers.values()],
            withdrawn=[ledger.withdrawn for ledger in ledgers.values()],
            has_echo=order.has_echo,
            rooms=order.rooms,
        )
        self._judge.judge(case)
        measured.windows.append(Window(case.start_ns, case.end_ns, case.drain_end_ns, case.leave_margin_ns))
        measured.costs.append([ledger.cost for ledger in ledgers.values()])
        measured.is_complete &= ordered <= ledgers.keys()
        measured.clock_uncertainty_ns = max(measured.clock_uncertainty_ns, clock_uncertainty_ns)
        return True

    def _drain(self, number: int, ordered: set[str], end_ns: int, measured: Measured) -> int:
        """Wait until nothing is outstanding, within limits; return when the wait ended.

        Workers report what is outstanding among what they have parsed, so it may have arrived: the judge tells.
        """
        limit_ns, is_cut = end_ns + self._drain_ns, False
        while (outstanding := self._workers.outstanding(number, ordered)) and time.time_ns() < limit_ns:
            gevent.sleep(POLL_S)
            if self._stop.is_set() and time.time_ns() + INTERRUPTED_DRAIN_NS < limit_ns:
                limit_ns, is_cut = time.time_ns() + INTERRUPTED_DRAIN_NS, True
        if outstanding and is_cut:
            measured.note("interrupted with messages in flight; those not delivered by then count as missing")
        return min(time.time_ns(), limit_ns)

    def _gather(self, number: int, ordered: set[str]) -> dict[str, Ledger]:
        """Ask for a window's ledgers, and wait for those of the workers that are alive."""
        for name in ordered:
            self._send(Collect(number), name)
        while self._workers.alive & ordered - self._ledgers[number].keys():
            gevent.sleep(POLL_S)
        return self._ledgers.pop(number)


def seconds_until(time_ns: int) -> float:
    """Return how long it is until a time of CLOCK_REALTIME; 0 where it has passed."""
    return max(0.0, (time_ns - time.time_ns()) / 1e9)
