"""The bench's command line, run to its end as a process of its own."""

from __future__ import annotations

import subprocess
import sys

import click

from bench.commands.main import main
from bench.storage.checkout import PACKAGES

LIMIT_S = 300
ANY_SPEED = "--allow-different-environment"
"""For `--resume`: the speed of a machine that other tests use changes meanwhile."""


def subcommand_named(name: str) -> click.Command:
    """Return a subcommand as it is loaded when it is called."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def bench(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *flags]
    return subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, timeout=LIMIT_S, check=False)
