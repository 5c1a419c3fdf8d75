"""Freezes a process with all below it and tells when that was, and how long they worked afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.execution.process_tree import ProcessTree

POLL_S = 0.0002
STOP_LIMIT_S = 1.0
CATCH_UP_LIMIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Freeze:
    """One freeze, as CLOCK_REALTIME nanoseconds around its first and its last moment.

    Of several processes the first moment is that from which all stand still, and the last that at which one goes on.
    `worked_s` is their CPU time in the first `CATCH_UP_LIMIT_S` seconds afterwards. If it is less than that, they had
    nothing left to do at some moment, and came there within `worked_s` if they had a core.
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
    """Stop a process and all below it, and let them go on after `sleep(seconds)`, whatever happens here.

    Raises:
        psutil.NoSuchProcess: it has ended.
        TimeoutError: one does not stop.

    """
    tree = ProcessTree(pid)
    stopped: list[psutil.Process] = []
    limit_s = time.monotonic() + STOP_LIMIT_S
    before_stop_ns = time.time_ns()
    try:
        while new := [process for process in tree.processes() if process not in stopped]:  # one may have just started
            stopped += new
            for process in new:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            while not all(map(_stands_still, stopped)):
                if time.monotonic() > limit_s:
                    raise TimeoutError(f"process {pid} did not stop within {STOP_LIMIT_S:g} s")
                time.sleep(POLL_S)
        after_stop_ns = time.time_ns()
        sleep(seconds)
        worked_s = {process: cpu_s(process) for process in stopped if process.pid == pid or process.is_running()}
        before_wake_ns = time.time_ns()
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    after_wake_ns = time.time_ns()
    time.sleep(CATCH_UP_LIMIT_S)
    catch_up_s = sum(cpu_s(process) - before_s for process, before_s in worked_s.items() if process.is_running())
    return Freeze(before_stop_ns, after_stop_ns, before_wake_ns, after_wake_ns, catch_up_s)


def _stands_still(process: psutil.Process) -> bool:
    try:
        return process.status() in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    except psutil.NoSuchProcess:
        return True


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
