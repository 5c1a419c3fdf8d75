"""The stored result of a cross-check: the contents of `cross_check.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.model.environment import Environment
from bench.storage.files import read_struct, write_struct
from bench.validation.cross_check.agreement import CrossCheck

FORMAT = 1
FILE = "cross_check.json"


class CrossCheckResult(msgspec.Struct, frozen=True):
    """The checks of one command; `server` is the strategy, or the command of another server."""

    format: int
    environment: Environment
    server: str
    users: int
    observers: int
    checks: tuple[CrossCheck, ...]


def write_cross_check(result: CrossCheckResult, directory: Path) -> None:
    """Write `cross_check.json`."""
    write_struct(directory / FILE, result)


def read_cross_check(directory: Path) -> CrossCheckResult:
    """Read `cross_check.json`.

    Raises:
        ResultsError: the file is missing, damaged or of another format.

    """
    return read_struct(
        directory / FILE, CrossCheckResult, "cross-check", "give a folder that `cross-check --out` wrote"
    )
