"""The judge: a process of its own in which windows are judged, so that judging one never holds up the next.

It runs only when nobody else wants the core (SCHED_IDLE on Linux). `python -m loadtest.judge` reads cases from its
standard input and answers each with an account.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import IO, TypeVar

import gevent.lock
import msgspec

from loadtest.account import Account, EncodedAccount
from loadtest.exchange import unpack
from loadtest.ledger import Deliveries, Members, Sends, Window, judge

_LENGTH = struct.Struct("<Q")
_Message = TypeVar("_Message", bound=msgspec.Struct)


class Case(msgspec.Struct, frozen=True):
    """A window and the packed records of each generator."""

    start_ns: int
    end_ns: int
    drain_end_ns: int
    leave_margin_ns: int
    members: list[bytes]
    sends: list[bytes]
    deliveries: list[bytes]


class Judge:
    """The judge's process, from the conductor's side; to be closed."""

    def __init__(self) -> None:
        package = Path(__file__).parent.parent
        path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the swarm, which closes this in its own time
        )
        self._one_at_a_time = gevent.lock.Semaphore()

    def judge(self, case: Case) -> Account:
        """Judge a window, letting other greenlets run meanwhile.

        Raises:
            EOFError: the process has ended.
            OSError: the process has ended.

        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            _send(self._process.stdin, case)
            return Account.decode(_receive(self._process.stdout, EncodedAccount))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _send(stream: IO[bytes], message: msgspec.Struct) -> None:
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes], kind: type[_Message]) -> _Message:
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    return msgspec.msgpack.decode(_read(stream, length), type=kind)


def _read(stream: IO[bytes], size: int) -> bytes:
    data: bytes = stream.read(size)
    if len(data) < size:
        raise EOFError("the judge's process has ended")
    return data


def _decide(case: Case) -> Account:
    account = Account()
    account.add(
        judge(
            Window(case.start_ns, case.end_ns, case.drain_end_ns, case.leave_margin_ns),
            Members.concatenate([unpack(Members, part) for part in case.members]),
            Sends.concatenate([unpack(Sends, part) for part in case.sends]),
            Deliveries.concatenate([unpack(Deliveries, part) for part in case.deliveries]),
        )
    )
    return account


def main() -> None:
    """Judge until there are no more cases."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)
    while True:
        try:
            case = _receive(sys.stdin.buffer, Case)
        except EOFError:
            return
        _send(sys.stdout.buffer, _decide(case).encode())


if __name__ == "__main__":
    main()
