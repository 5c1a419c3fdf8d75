"""Ends a process whose parent has died."""

from __future__ import annotations

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Have Linux send this process a signal once its parent has ended in any way; elsewhere do nothing.

    Locust's own workers take a minute to notice that their master has died, and longer if they never connected to it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
