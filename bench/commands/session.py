"""What the verbs that run something share: where results go, how a start fails, and where answers are printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.errors import RefusedFlagsError, TrialError
from bench.execution.campaign import report_failure

WIDTH = 120
"""Columns of what is printed into a file or a pipe."""


def results_folder(out: Path | None, name: str) -> Path:
    """Return `--out`, or a folder of the name and of this moment in `results/`."""
    return (out or Path("results") / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}").resolve()


def answers(width: int = WIDTH, *, highlight: bool = True) -> Console:
    """Return the console for what was asked for: standard output, as wide as its terminal, or else `width` columns."""
    return Console(width=None if sys.stdout.isatty() else width, highlight=highlight)


def kept_in(directory: Path) -> str:
    """Say what is left of results that could not all be written, and what to do."""
    return f"what was written is kept in {directory}; `python -m bench report {directory}` tells what it says"


@contextmanager
def starting(console: Console) -> Iterator[None]:
    """End the command if something in the block does not start, or the folder for its results cannot be made.

    A server that refuses its flags, and a folder, are wrong use; any other failure is told on `console`.
    """
    try:
        yield
    except RefusedFlagsError as error:
        raise click.UsageError("\n".join(error.failure.log)) from error
    except OSError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    except TrialError as error:
        report_failure(console, "cannot start", error.failure)
        sys.exit(NOT_BELIEVABLE)
