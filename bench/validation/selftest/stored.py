"""The stored result of a self-test: the contents of `selftest.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.model.environment import Environment
from bench.storage.files import read_struct, write_struct
from bench.validation.selftest.results import Result

FORMAT = 1
FILE = "selftest.json"


class SelftestResult(msgspec.Struct, frozen=True):
    """All figures of one self-test, in the order in which they were measured; `untested` injections did not end."""

    format: int
    environment: Environment
    results: tuple[Result, ...]
    untested: tuple[str, ...] = ()

    @property
    def unexpected(self) -> int:
        """How many figures are not as expected."""
        return sum(not result.passed for result in self.results)


def write_selftest(result: SelftestResult, directory: Path) -> None:
    """Write `selftest.json`."""
    write_struct(directory / FILE, result)


def read_selftest(directory: Path) -> SelftestResult:
    """Read `selftest.json`.

    Raises:
        ResultsError: the file is missing, damaged or of another format.

    """
    return read_struct(directory / FILE, SelftestResult, "self-test", "give a folder that `selftest --out` wrote")
