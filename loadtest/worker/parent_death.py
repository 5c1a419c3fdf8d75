"""Ends a process whose parent has died."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent_pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have Linux send this process a signal once its parent has ended in any way; elsewhere do nothing.

    `parent_pid` is the parent's process id, read before the fork: the kernel sends nothing for a parent that had died
    before this call (prctl(2)), so this process then sends the signal to itself.

    Locust's own workers take a minute to notice that their master has died, and longer if they never connected to it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent_pid:
            os.kill(os.getpid(), number)


def end_forks_with_parent() -> None:
    """Have every process that is forked from this one, or from a fork of it, be killed once its parent has ended."""
    parent_pid = os.getpid()

    def before_fork() -> None:
        nonlocal parent_pid
        parent_pid = os.getpid()

    os.register_at_fork(before=before_fork, after_in_child=lambda: end_with_parent(parent_pid))
