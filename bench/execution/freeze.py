"""Freezes a process and tells when that was, and how long the process worked afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

POLL_S = 0.0002
STOP_LIMIT_S = 1.0
CATCH_UP_LIMIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Freeze:
    """One freeze, as CLOCK_REALTIME nanoseconds around its first and its last moment.

    `worked_s` is the CPU time of the process in the first `CATCH_UP_LIMIT_S` seconds afterwards. If it is less than
    that, the process had nothing left to do at some moment, and came there within `worked_s` if it had its core.
    """

    before_stop_ns: int
    after_stop_ns: int
    before_wake_ns: int
    after_wake_ns: int
    worked_s: float

    @property
    def shortest_s(self) -> float:
        """The least that the freeze may have lasted."""
        return (self.before_wake_ns - self.after_stop_ns) / 1e9

    @property
    def longest_s(self) -> float:
        """The most that the freeze may have lasted."""
        return (self.after_wake_ns - self.before_stop_ns) / 1e9


def freeze(pid: int, seconds: float, sleep: Callable[[float], None] = time.sleep) -> Freeze:
    """Stop a process, and let it go on after `sleep(seconds)`, whatever happens here.

    Raises:
        psutil.NoSuchProcess: it has ended.
        TimeoutError: it does not stop.

    """
    process = psutil.Process(pid)
    before_stop_ns = time.time_ns()
    process.suspend()
    try:
        limit = time.monotonic() + STOP_LIMIT_S
        while process.status() != psutil.STATUS_STOPPED:
            if time.monotonic() > limit:
                raise TimeoutError(f"process {pid} did not stop within {STOP_LIMIT_S:g} s")
            time.sleep(POLL_S)
        after_stop_ns = time.time_ns()
        sleep(seconds)
        worked_s = cpu_s(process)
        before_wake_ns = time.time_ns()
    finally:
        process.resume()
    after_wake_ns = time.time_ns()
    time.sleep(CATCH_UP_LIMIT_S)
    return Freeze(before_stop_ns, after_stop_ns, before_wake_ns, after_wake_ns, cpu_s(process) - worked_s)


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU time that a process has used, in seconds, finer than the ticks of 10 ms that Linux lists.

    Raises:
        psutil.NoSuchProcess: it has ended.

    """
    if sys.platform != "linux":
        times = process.cpu_times()
        return float(times.user + times.system)
    clock = (~process.pid << 3) | 2  # what clock_getcpuclockid(3) returns
    try:
        return time.clock_gettime(clock)
    except OSError as error:
        raise psutil.NoSuchProcess(process.pid) from error
