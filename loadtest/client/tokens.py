"""Tokens of users, one a line: from a file, or from what a command prints."""

from __future__ import annotations

import functools
import shlex
import subprocess
from pathlib import Path

from loadtest.errors import OptionError

LIMIT_S = 60


@functools.cache
def tokens(file: str, command: str) -> tuple[str, ...]:
    """Read a file, or run a command once in this process; without either there are none.

    Raises:
        OptionError: the file cannot be read, the command fails, or there is no token.

    """
    if not file and not command:
        return ()
    text = _printed(command) if command else _read(file)
    found = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not found:
        raise OptionError(f"{command or file!r} gives no token; it needs one a line")
    return found


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
    except (OSError, UnicodeError) as error:
        raise OptionError(f"--token-file {file!r} cannot be read: {error}; give a file with a token a line") from error


def _printed(command: str) -> str:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise OptionError(f"--token-command {command!r} cannot be run: {error}") from error
    if done.returncode:
        raise OptionError(f"--token-command {command!r} ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout
