"""What a scenario found: the contents of `scenario.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.environment import Environment
from bench.scenarios.conditions import Conditions
from bench.store import read_struct, write_struct
from bench.summary import Cell

FORMAT = 1
FILE = "scenario.json"


class Row(msgspec.Struct, frozen=True):
    """How one strategy came through one variation, in one block.

    `cell` has the healthy members' figures; it is `None` where nothing was measured, and `reason` says why.
    `time_to_recover_s` is `None` where the room was not itself again by the end of the window.
    The server's memory is its peak over the whole trial. `kicked` members and `dropped` deliveries are the server's own
    counts, `None` where it could not be asked.
    """

    variation: str
    conditions: Conditions
    strategy: str
    block: int
    cell: Cell | None
    reason: str
    time_to_recover_s: float | None
    memory_peak_mib: float | None
    kicked: int | None
    dropped: int | None


class ScenarioResult(msgspec.Struct, frozen=True):
    """A whole scenario in figures; `axes` are the conditions in which its variations differ."""

    format: int
    environment: Environment
    name: str
    title: str
    shows: str
    look_at: str
    axes: tuple[str, ...]
    rows: list[Row]
    seed: int = 1

    @property
    def believable(self) -> bool:
        """Whether there is a row at all, and every one was measured and may be believed."""
        return bool(self.rows) and all(row.cell is not None and row.cell.valid for row in self.rows)


def write_scenario(result: ScenarioResult, directory: Path) -> None:
    """Write `scenario.json`."""
    write_struct(directory / FILE, result)


def read_scenario_result(directory: Path) -> ScenarioResult:
    """Read `scenario.json`.

    Raises:
        ValueError: there is none, it is damaged, or it is of another format.

    """
    return read_struct(directory / FILE, ScenarioResult, "scenario", "give a folder that `run` wrote")
