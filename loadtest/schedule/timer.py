"""A wake-up at a moment of the monotonic clock, in the hub, finer than gevent's whole milliseconds.

On Linux a timerfd, watched like a socket (timerfd_create(2)); elsewhere a timer of the loop that wakes up
early and then turns the loop until the moment has come.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

import gevent

_SPIN_NS = 1_500_000


class Timer(Protocol):
    """Calls `wake` in the hub, not before the moment that was set last; `wake` must not block."""

    def set(self, due_ns: int) -> None:
        """Wake at `due_ns`, nanoseconds of CLOCK_MONOTONIC; at once if that has passed."""

    def close(self) -> None:
        """Stop the timer."""


class LoopTimer:
    """A timer of gevent's loop: works on every system, and turns the loop for the last 1.5 ms."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._due_ns = 0
        self._timer = gevent.get_hub().loop.timer(0)

    def set(self, due_ns: int) -> None:
        """Wake at `due_ns`, nanoseconds of CLOCK_MONOTONIC."""
        self._due_ns = due_ns
        self._turn()

    def _turn(self) -> None:
        wait_ns = self._due_ns - time.monotonic_ns()
        self._timer.stop()
        self._timer.close()
        self._timer = gevent.get_hub().loop.timer(max(0.0, (wait_ns - _SPIN_NS) / 1e9))
        self._timer.start(self._fire)

    def _fire(self) -> None:
        if time.monotonic_ns() < self._due_ns:
            self._turn()
        else:
            self._wake()

    def close(self) -> None:
        """Stop the timer."""
        self._timer.stop()
        self._timer.close()


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSetting(ctypes.Structure):
    _fields_ = (("interval", _Moment), ("value", _Moment))


class TimerfdTimer:
    """A Linux timerfd: woken by the kernel, typically within 0.1 ms, at no cost while it waits."""

    _ABSOLUTE = 1

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"timerfd_create: {os.strerror(error)}")
        loop = gevent.get_hub().loop
        self._watcher = loop.io(self._fd, 1, priority=loop.MAXPRI)
        self._watcher.start(self._fire)

    def set(self, due_ns: int) -> None:
        """Wake at `due_ns`, nanoseconds of CLOCK_MONOTONIC."""
        setting = _TimerSetting(_Moment(0, 0), _Moment(*divmod(max(due_ns, 1), 1_000_000_000)))
        if self._libc.timerfd_settime(self._fd, self._ABSOLUTE, ctypes.byref(setting), None):
            error = ctypes.get_errno()
            raise OSError(error, f"timerfd_settime: {os.strerror(error)}")

    def _fire(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # it was set again after it expired and before the hub got here
            return
        self._wake()

    def close(self) -> None:
        """Stop the timer."""
        self._watcher.stop()
        self._watcher.close()
        os.close(self._fd)


def new_timer(wake: Callable[[], None]) -> Timer:
    """Return the finest timer that this system has."""
    return TimerfdTimer(wake) if sys.platform == "linux" else LoopTimer(wake)
