"""The result of a scenario: the contents of `scenario.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.model.environment import Environment
from bench.model.plan import Arm
from bench.model.summary import Cell
from bench.scenarios.conditions import Conditions
from bench.storage.files import read_struct, write_struct

FORMAT = 1
FILE = "scenario.json"


class Row(msgspec.Struct, frozen=True):
    """The result of one strategy in one variation and one block.

    `cell` has the healthy members' figures; it is `None` if nothing was measured. `reason` says why that is so, what
    else failed, or that a planned disturbance did not happen. `time_to_recover_s` is `None` if the room had not
    recovered by the end of the window. `memory_peak_mib` is the server's over the whole trial. `kicked` (members) and
    `dropped` (deliveries) are the server's own counts, `None` if they could not be read.
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
    def valid(self) -> bool:
        """Whether there are valid figures, and any planned disturbance happened."""
        return self.cell is not None and self.cell.valid and not self.reason


class ScenarioResult(msgspec.Struct, frozen=True):
    """The result of a whole scenario; `axes` are the conditions in which its variations differ.

    `source`, `strategies`, `blocks`, `seed`, `revisions` (commits) and `peers` are the arguments of `run`, and
    `planned_rows` is the number of rows that follows from them; results that were stored before these fields existed
    have none of them. `strategies` has the labels of peers, too.
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
    revisions: tuple[str, ...] = ()
    peers: tuple[Arm, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether there are rows, none that was planned is absent, and all are valid."""
        return bool(self.rows) and not self.rows_not_run and all(row.valid for row in self.rows)

    @property
    def rows_not_run(self) -> int:
        """How many of the planned rows are absent, because the run ended before them."""
        return max(0, (self.planned_rows or 0) - len(self.rows))


def write_scenario(result: ScenarioResult, directory: Path) -> None:
    """Write `scenario.json`."""
    write_struct(directory / FILE, result)


def read_scenario_result(directory: Path) -> ScenarioResult:
    """Read `scenario.json`.

    Raises:
        ResultsError: the file is missing, damaged or of another format.

    """
    return read_struct(directory / FILE, ScenarioResult, "scenario", "give a folder that `run` wrote")
