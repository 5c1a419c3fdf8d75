"""The judge: a process of its own in which windows are judged, so that judging one never delays the next.

While windows run, it runs only when no other process needs the core (SCHED_IDLE on Linux).
`python -m loadtest.ledger.judge_process` reads deliveries and cases from its standard input, and keeps the aggregate of
a step.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import gevent
import gevent.lock
import gevent.queue
import msgspec

from loadtest.errors import JudgeError
from loadtest.ledger.aggregate import TIMELINE_SECONDS, Aggregate, Figures
from loadtest.ledger.handover import Received
from loadtest.ledger.ledger import Judgement, complete, judge
from loadtest.ledger.records import Absences, Deliveries, Members, Records, Sends, Window, unpack
from loadtest.ledger.result import Second
from loadtest.ledger.timeline import seconds_of

NORMAL: int | None = getattr(os, "SCHED_OTHER", None)
IDLE: int | None = getattr(os, "SCHED_IDLE", None)
_LENGTH = struct.Struct("<Q")


class Case(msgspec.Struct, frozen=True, tag="case"):
    """To the judge: a window, what was planned in it, and the packed records of each worker.

    Its deliveries were sent before. `planned` has its warm-up too, `earlier` what was due in windows shortly before it.
    """

    number: int
    start_ns: int
    end_ns: int
    drain_end_ns: int
    leave_margin_ns: int
    members: list[bytes]
    planned: bytes
    earlier: bytes
    sends: list[bytes]
    withdrawn: list[bytes]
    has_echo: bool = True
    rooms: int = 1
    absences: list[bytes] = []


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """To the judge: begin a new step with a new aggregate."""


class Recent(msgspec.Struct, frozen=True, tag="recent"):
    """To the judge: reply with the seconds of the cases since it was last asked."""


class Report(msgspec.Struct, frozen=True, tag="report"):
    """To the judge: reply with the figures of all cases since the step began, or `None` if there were none."""


_ToJudge = Received | Case | Begin | Recent | Report


class Judge:
    """The judge's process, from the coordinator's side; to be closed. It holds the aggregate of the current step.

    Only `report` waits for it, as it may get no CPU time for a while.
    """

    def __init__(self) -> None:
        package = Path(__file__).parents[2]
        path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.ledger.judge_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            # Ctrl-C goes to the swarm, which closes this process itself. Not a session of its own: Linux shares the CPU
            # between sessions first (autogroup), so SCHED_IDLE in another session would not yield to the swarm's.
            process_group=0,
        )
        self._set_policy(IDLE)
        self._unsent: gevent.queue.Queue[_ToJudge] = gevent.queue.Queue()
        self._writer = gevent.spawn(self._write)
        self._one_at_a_time = gevent.lock.Semaphore()

    def begin(self) -> None:
        """Begin a step."""
        self._unsent.put(Begin())

    def receive(self, number: int, deliveries: list[bytes]) -> None:
        """Take some of a window's deliveries."""
        self._unsent.put(Received(number, deliveries))

    def judge(self, case: Case) -> None:
        """Judge a window whose deliveries were all received, and add it to the aggregate."""
        self._unsent.put(case)

    @property
    def is_running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def report(self, limit_s: float, *, is_urgent: bool) -> Figures | None:
        """Return the figures of the step so far, letting other greenlets run meanwhile.

        If it `is_urgent`, as no window runs, the process gets its share of the core: one that is busy throughout would
        keep it waiting for ever.

        Raises:
            JudgeError: the process has ended, or did not reply in time.

        """
        if is_urgent:
            self._set_policy(NORMAL)
        try:
            figures: Figures | None = self._reply(Report(), Figures | None, limit_s)
            return figures
        finally:
            if is_urgent:
                self._set_policy(IDLE)

    def recent(self, limit_s: float) -> list[Second]:
        """Return the seconds that were judged since the last time, likewise.

        Raises:
            JudgeError: as by `report`.

        """
        seconds: list[Second] = self._reply(Recent(), list[Second], limit_s)
        return seconds

    def _set_policy(self, policy: int | None) -> None:
        """Set the process's scheduling policy, where the system has one and allows it."""
        if policy is not None:
            with suppress(PermissionError, ProcessLookupError):
                os.sched_setscheduler(self._process.pid, policy, os.sched_param(0))

    def _reply(self, message: Report | Recent, kind: Any, limit_s: float) -> Any:
        # A greenlet of its own reads the reply even if the caller is killed.
        asking = gevent.spawn(self._ask, message, kind)
        try:
            reply = asking.get(timeout=limit_s)
        except gevent.Timeout:
            raise JudgeError(f"the judge's process did not answer within {limit_s:g} s") from None
        if isinstance(reply, EOFError):
            raise JudgeError("the judge's process has ended") from reply
        return reply

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._writer.kill()
        with suppress(BrokenPipeError):  # the process has ended; `report` raises that
            self._process.stdin.close()
        self._process.kill()  # it may be stopped, or busy with a report that nobody waits for
        with self._one_at_a_time:  # a greenlet that still waits for a reply gets the end of the stream
            self._process.stdout.close()
        self._process.wait()

    def _write(self) -> None:
        assert self._process.stdin is not None
        for message in self._unsent:
            try:
                _send(self._process.stdin, message)
            except OSError:
                return  # the process has ended; `report` raises that

    def _ask(self, message: Report | Recent, kind: Any) -> Any:
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._unsent.put(message)
            try:
                return _receive(self._process.stdout, kind)
            except (EOFError, OSError, ValueError) as error:  # all but EOFError: it was closed while others waited
                return EOFError(str(error))


def _send(stream: IO[bytes], message: Any) -> None:
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes], kind: Any) -> Any:
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    return msgspec.msgpack.decode(_read(stream, length), type=kind)


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main() -> None:
    """Judge until the input ends."""
    if IDLE is None:  # else whoever started it has seen to that
        os.nice(19)
    aggregate = Aggregate()
    received: dict[int, list[bytes]] = defaultdict(list)
    recent: deque[Second] = deque(maxlen=TIMELINE_SECONDS)
    while True:
        try:
            message: _ToJudge = _receive(sys.stdin.buffer, _ToJudge)
        except EOFError:
            return
        match message:
            case Received(number, deliveries):
                received[number] += deliveries
            case Case():
                judgement = _decide(message, received.pop(message.number, []))
                aggregate.add(judgement)
                recent += seconds_of(judgement)
            case Begin():
                aggregate = Aggregate()
            case Recent():
                _send(sys.stdout.buffer, list(recent))
                recent.clear()
            case Report():
                _send(sys.stdout.buffer, aggregate.figures() if aggregate.windows else None)


def _decide(case: Case, deliveries: list[bytes]) -> Judgement:
    sends, withdrawn = (_join(Sends, parts) for parts in (case.sends, case.withdrawn))
    return judge(
        Window(case.start_ns, case.end_ns, case.drain_end_ns, case.leave_margin_ns, case.has_echo, case.rooms),
        _join(Members, case.members),
        complete(unpack(Sends, case.planned), sends, withdrawn),
        _join(Deliveries, deliveries),
        withdrawn,
        unpack(Sends, case.earlier),
        _join(Absences, case.absences),
    )


def _join(kind: type[Records], parts: list[bytes]) -> Records:
    return kind.concatenate([unpack(kind, part) for part in parts])


if __name__ == "__main__":
    main()
