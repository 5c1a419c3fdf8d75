"""Ctrl-C and its kin as a flag that waits look at, so that nothing is torn down half way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether the user, or the system, asked the bench to end."""

    signal_name: str | None = None

    def catch(self, signum: int, _frame: FrameType | None) -> None:
        """Remember a signal; this is a signal handler."""
        self.signal_name = signal.Signals(signum).name


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Catch SIGINT, SIGTERM and SIGHUP within the block; a SIGHUP that `nohup` took away stays away."""
    interruption = Interruption()
    caught = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        caught.append(signal.SIGHUP)
    before = {each: signal.signal(each, interruption.catch) for each in caught}
    try:
        yield interruption
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
