"""Closed-loop users, the common way to measure a chat server: each sends, then waits for its own echo."""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

OPEN_LIMIT_S = 10
END_LIMIT_S = 10
POLL_S = 0.1  # the longest single wait for an echo, and so the longest delay in noticing the end


class ClosedLoopUser:
    """A room member in a thread of its own, for the length of its `with` block.

    It sends every `interval_s` seconds, but not while it waits for an echo. An echo that has not come after `timeout_s`
    seconds is an error and in no percentile: that is what a timeout in a load generator does.
    """

    def __init__(self, url: str, interval_s: float, timeout_s: float) -> None:
        self._url = url
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._echoes: list[tuple[int, float]] = []
        self._timeouts_ns: list[int] = []
        self._stack = ExitStack()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def latencies_ms(self, start_ns: int, end_ns: int) -> list[float]:
        """Return the sorted round trips of messages sent between two CLOCK_REALTIME moments and echoed in time."""
        return sorted(latency for sent_ns, latency in self._echoes if start_ns <= sent_ns < end_ns)

    def timeouts(self, start_ns: int, end_ns: int) -> int:
        """Count the messages sent between two CLOCK_REALTIME moments that were not echoed in time."""
        return sum(start_ns <= sent_ns < end_ns for sent_ns in self._timeouts_ns)

    def _run(self) -> None:
        number = 0
        try:
            while not self._is_over.is_set():
                number += 1
                self._send_and_wait(f"closed loop {number}")
        except ConnectionClosed:
            return  # the server has ended, so there is nothing left to measure

    def _send_and_wait(self, text: str) -> None:
        sent_ns, sent = time.time_ns(), time.perf_counter()
        self._connection.send(text)
        if self._receive(f'"{text}"', sent + self._timeout_s):
            self._echoes.append((sent_ns, (time.perf_counter() - sent) * 1e3))
        elif not self._is_over.is_set():
            self._timeouts_ns.append(sent_ns)
        self._receive(None, sent + self._interval_s)

    def _receive(self, awaited: str | None, until: float) -> bool:
        """Read frames until the awaited text comes, or until `time.perf_counter()` is `until`."""
        while (left := until - time.perf_counter()) > 0 and not self._is_over.is_set():
            try:
                frame = self._connection.recv(timeout=min(left, POLL_S))
            except TimeoutError:
                continue
            if awaited is not None and awaited in str(frame):
                return True
        return False

    def __enter__(self) -> Self:
        """Join the room.

        Raises:
            OSError: there is no connection.
            websockets.exceptions.InvalidHandshake: the server refuses this user.

        """
        joining = connect(self._url, open_timeout=OPEN_LIMIT_S, compression=None, max_queue=None, proxy=None)
        self._connection = self._stack.enter_context(joining)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join(END_LIMIT_S)
        self._stack.close()


def percentile_ms(sorted_ms: list[float], percentile: float) -> float:
    """Return a percentile of sorted values: the smallest value that so many percent of them do not exceed."""
    rank = math.ceil(len(sorted_ms) * percentile / 100)
    return sorted_ms[max(rank, 1) - 1]
