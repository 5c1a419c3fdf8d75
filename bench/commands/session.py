"""What the subcommands that run something share: the doctor, pinning, interruption, failures, and where answers go."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from bench.commands.exit_codes import INVALID
from bench.doctor.examination import examine
from bench.doctor.machine import this_machine, yardstick_or_none
from bench.errors import FolderInUseError, RefusedFlagsError, TrialError
from bench.execution.campaign import report_failure
from bench.execution.environment_reader import read_environment
from bench.execution.interruption import Interruption, interruptible
from bench.execution.pinning import choose_pinning
from bench.model.environment import Environment, Pinning, Yardstick
from bench.model.finding import Finding
from bench.model.run import Failure
from bench.presentation.doctor_answer import print_findings

WIDTH = 120
"""Columns of what is printed into a file or a pipe."""


@dataclass(frozen=True, slots=True)
class Session:
    """One call of a subcommand that runs servers; `console` is standard error."""

    console: Console
    pinning: Pinning
    findings: tuple[Finding, ...]
    interruption: Interruption
    yardstick: Yardstick | None

    @property
    def is_interrupted(self) -> bool:
        """Whether the user, or the system, asked the bench to end."""
        return self.interruption.signal_name is not None

    def environment(self) -> Environment:
        """Describe this machine, with what the doctor found and how fast it is."""
        return read_environment(self.pinning, self.findings, self.yardstick or yardstick_or_none(self.pinning))

    def print(self, line: str) -> None:
        """Print a line on standard error, as it is."""
        self.console.print(line, soft_wrap=True, markup=False, highlight=False)

    def print_failure(self, what: str, error: TrialError) -> None:
        """Print what failed, with the last lines of its log."""
        report_failure(self.console, what, error.failure)

    @contextmanager
    def starting(self, strategy_flag: str = "--strategies") -> Iterator[None]:
        """End the command if something in the block does not start, or the folder for its results cannot be made.

        A server that refuses its flags, and a folder, are wrong use; any other failure is printed. A strategy that it
        refuses was given by `strategy_flag`.
        """
        try:
            yield
        except RefusedFlagsError as error:
            raise click.UsageError("\n".join(_said(error.failure.log, strategy_flag))) from error
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--out") from error
        except TrialError as error:
            self.print_failure("cannot start", error)
            sys.exit(INVALID)

    @contextmanager
    def writing(self, hint: str) -> Iterator[None]:
        """End the command if results cannot be written in the block; `hint` says what is kept, and what to do."""
        try:
            yield
        except FolderInUseError as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            report_failure(self.console, "cannot write the results", Failure(f"{error}; {hint}"))
            sys.exit(INVALID)


def _said(lines: Iterable[str], strategy_flag: str) -> list[str]:
    """Return what a server said of its flags in terms of the bench's: nobody called the server by hand."""
    said = [line.removeprefix("Error: ").replace("'--strategy'", f"'{strategy_flag}'") for line in lines]
    return [line for line in said if line.strip() and not line.startswith(("Usage: ", "Try '"))]


@contextmanager
def running(users: int | None = None) -> Iterator[Session]:
    """Examine this machine for so many users and print what the doctor found, then catch interruptions in the block.

    Without `users` nothing is examined.
    """
    console = Console(stderr=True)
    machine = None if users is None else this_machine(users)
    findings = tuple(examine(machine)) if machine else ()
    print_findings(findings, console)
    with interruptible() as interruption:
        yield Session(console, choose_pinning(), findings, interruption, machine.yardstick if machine else None)


def exit_with(*, is_valid: bool) -> None:
    """End the command with the exit code for invalid figures, unless they are valid."""
    if not is_valid:
        sys.exit(INVALID)


def results_folder(out: Path | None, name: str) -> Path:
    """Return `--out`, or a folder of the name and of this moment in `results/`."""
    return (out or Path("results") / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}").resolve()


def answers(width: int = WIDTH, *, highlight: bool = True) -> Console:
    """Return the console for answers: standard output, as wide as its terminal, or else `width` columns."""
    return Console(width=None if sys.stdout.isatty() else width, highlight=highlight)


def kept_in(directory: Path) -> str:
    """Say where the results are that could be written, and what to do."""
    return f"what was written is kept in {directory}; `python -m bench report {directory}` shows it"
