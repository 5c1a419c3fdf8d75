"""What a scenario found: the contents of `scenario.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.model.environment import Environment
from bench.model.summary import Cell
from bench.scenarios.conditions import Conditions
from bench.storage.files import read_struct, write_struct

FORMAT = 1
FILE = "scenario.json"


class Row(msgspec.Struct, frozen=True):
    """How one strategy came through one variation, in one block.

    `cell` has the healthy members' figures; it is `None` where nothing was measured. `reason` says why that is so, what
    failed all the same, or what did not happen that was to disturb the server.
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

    @property
    def believable(self) -> bool:
        """Whether something was measured, may be believed, and was disturbed as it was to be."""
        return self.cell is not None and self.cell.valid and not self.reason


class ScenarioResult(msgspec.Struct, frozen=True):
    """A whole scenario in figures; `axes` are the conditions in which its variations differ.

    `source`, `strategies`, `blocks` and `seed` are what `run` was given, and `planned_rows` how many rows that makes;
    results that were stored before they were kept have none of them.
    """

    format: int
    environment: Environment
    name: str
    title: str
    shows: str
    look_at: str
    axes: tuple[str, ...]
    rows: list[Row]
    seed: int | None = None
    source: str = ""
    strategies: tuple[str, ...] = ()
    blocks: int | None = None
    planned_rows: int | None = None

    @property
    def believable(self) -> bool:
        """Whether there is a row at all, and every one that was planned was measured and may be believed."""
        return bool(self.rows) and not self.rows_not_run and all(row.believable for row in self.rows)

    @property
    def rows_not_run(self) -> int:
        """How many of the planned rows are not there, because the run ended before them."""
        return max(0, (self.planned_rows or 0) - len(self.rows))


def write_scenario(result: ScenarioResult, directory: Path) -> None:
    """Write `scenario.json`."""
    write_struct(directory / FILE, result)


def read_scenario_result(directory: Path) -> ScenarioResult:
    """Read `scenario.json`.

    Raises:
        ValueError: there is none, it is damaged, or it is of another format.

    """
    return read_struct(directory / FILE, ScenarioResult, "scenario", "give a folder that `run` wrote")
