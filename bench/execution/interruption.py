"""SIGINT, SIGTERM and SIGHUP as a flag that waiting code polls, so that nothing is torn down half way."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bench.errors import TrialError

MAX_SLEEP_S = 0.05


class Interruption:
    """Whether the user, or the system, asked the bench to end."""

    signal_name: str | None = None

    def catch(self, signum: int, _frame: FrameType | None) -> None:
        """Remember a signal; this is a signal handler."""
        self.signal_name = signal.Signals(signum).name

    def sleep(self, seconds: float) -> None:
        """Sleep, but return early when the bench is asked to end."""
        end_s = time.monotonic() + seconds
        while not self.signal_name and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, MAX_SLEEP_S))


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Catch SIGINT, SIGTERM and SIGHUP within the block; a SIGHUP that `nohup` ignores stays ignored."""
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


def check_not_interrupted(interruption: Interruption) -> None:
    """Do nothing, or raise `TrialError` if the user, or the system, asked the bench to end."""
    if interruption.signal_name:
        raise TrialError(f"interrupted by {interruption.signal_name}")
