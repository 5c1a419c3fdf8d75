"""A child process of the bench: pinned, logged, and always ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from bench.storage.checkout import PACKAGES
from loadtest.worker.parent_death import end_with_parent


class Child:
    """A process in a session of its own that writes to a log file and ends with its `with` block.

    `parent_death_signal` is what it gets when the bench itself is killed.
    """

    parent_death_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        cores: Sequence[int] = (),
        grace_s: float = 10,
        directory: Path = PACKAGES,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command` in `directory`, pinned to `cores` if any; asked to end, it gets `grace_s` seconds.

        `environment` are variables beside those of the bench, or in place of them.
        """
        self._command = command
        self._cores = cores
        self._grace_s = grace_s
        self._directory = directory
        self._environment = os.environ | (environment or {})
        self._start(log)

    def _start(self, log: Path, *more: str) -> None:
        self._log = log
        bench_pid = os.getpid()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*self._command, *more],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only the bench, which ends its children in order
                preexec_fn=lambda: _prepare(self._cores, bench_pid, self.parent_death_signal),
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Tell how the process ended: its code, minus the signal that killed it, or `None` while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Read what the process has written so far."""
        return self._log.read_text(errors="replace")

    def last_lines(self, count: int = 15) -> list[str]:
        """Read the end of what the process has written so far."""
        return self.output().splitlines()[-count:]

    def stop(self) -> None:
        """Ask the process to end, wait for its grace time at most, then end what is left of it and all it started."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._grace_s)
        self.kill()

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        with suppress(ProcessLookupError):  # all have ended
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def how_it_ended(exit_code: int) -> str:
    """Put an exit code of `Child.exit_code` in words."""
    if exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"


def _prepare(cores: Sequence[int], bench_pid: int, parent_death_signal: signal.Signals) -> None:
    """Run in the child before its program: pin it, and have it end when the bench is killed."""
    if cores and sys.platform == "linux":
        os.sched_setaffinity(0, cores)
    end_with_parent(bench_pid, parent_death_signal)
