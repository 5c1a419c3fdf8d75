"""The plan, the tries and the results of a capacity search: the contents of `capacity.json`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

from bench.analysis.window_length import planned_messages, seconds_needed
from bench.capacity.search import Outcome, Rules
from bench.model.environment import Environment
from bench.model.message_cost import MessageCost
from bench.model.percentile import Percentile
from bench.model.plan import Arm, Workload
from bench.model.summary import Cell
from bench.storage.files import read_struct, write_struct
from loadtest.ledger.percentile_support import is_supported

FORMAT = 1
FILE = "capacity.json"


class Axis(StrEnum):
    """What grows: the users of all rooms, or the messages/s that those of a room send together."""

    USERS = "users"
    RATE = "rate"

    @property
    def unit(self) -> str:
        """The unit of a load."""
        return "users" if self is Axis.USERS else "messages/s"


class CapacityPlan(msgspec.Struct, frozen=True):
    """One search per strategy; all tries share `workload`, whose load is that of the first try."""

    by: Axis
    workload: Workload
    arms: tuple[Arm, ...]
    percentile: Percentile
    slo_ms: float
    rules: Rules
    max_minutes: float
    seed: int

    @property
    def slo(self) -> str:
        """The SLO's text, such as `p99 <= 50 ms`; that no delivery is missing is always part of it."""
        return f"{self.percentile.label} <= {self.slo_ms:g} ms"

    def workload_at(self, load: int) -> Workload:
        """Return the workload of a try; at a lower rate its window is longer, so that it carries the percentile.

        A window that was too short for the percentile at the first try stays so.
        """
        if self.by is Axis.USERS:
            return msgspec.structs.replace(self.workload, users=(load,))
        duration_s = self.workload.duration_s
        if is_supported(self.percentile.number, planned_messages(self.workload)):
            duration_s = max(duration_s, float(seconds_needed(self.percentile.number, self.workload.rooms * load)))
        return msgspec.structs.replace(self.workload, room_rate=float(load), duration_s=duration_s)


class Try(msgspec.Struct, frozen=True):
    """One load, tried once on a fresh server; `number` counts the tries of all strategies from 1.

    `strategy` is the arm's label, `reason` says why the load was not held. `cell` is `None` if nothing was measured.
    A try is `refused` if the swarm let no user join: no other is made of that strategy.
    """

    number: int
    strategy: str
    load: int
    outcome: Outcome
    reason: str
    cell: Cell | None = None
    refused: bool = False


class Limit(StrEnum):
    """What kept a search from a larger load."""

    SERVER = "server"
    GENERATOR = "generator"
    DOUBT = "doubt"
    RANGE = "range"
    UNFINISHED = "unfinished"


class Prediction(msgspec.Struct, frozen=True):
    """The largest room within the SLO if the server were a FIFO queue with this cost, fitted to so many `tries`."""

    users: int
    cost: MessageCost
    tries: int


class Capacity(msgspec.Struct, frozen=True):
    """The bracket of the largest load within the SLO: `low` was in all its tries, `high` failed in all of them.

    `held`, within it in most of its tries, is a lower end too, and no estimate of the edge. 0 means no load; `high` is
    `None` if no load failed in all its tries. `evidence` describes the tries at the edge. It is not `confirmed` if a
    load was tried fewer times than asked for. `predicted` is `None` where the costs are not known.
    """

    strategy: str
    held: int
    low: int
    high: int | None
    limited_by: Limit
    evidence: str
    confirmed: bool
    tries: int
    predicted: Prediction | None = None


class CapacityResult(msgspec.Struct, frozen=True):
    """All searches of one command."""

    format: int
    environment: Environment
    plan: CapacityPlan
    tries: list[Try]
    capacities: list[Capacity]
    supported_percentile: float | None = None
    """The highest percentile that a window of the first try carries."""

    @property
    def valid(self) -> bool:
        """Whether every strategy was tried, and none was limited by invalid tries."""
        return all(each.tries and each.limited_by is not Limit.DOUBT for each in self.capacities)


def write_capacity(result: CapacityResult, directory: Path) -> None:
    """Write `capacity.json`."""
    write_struct(directory / FILE, result)


def read_capacity(directory: Path) -> CapacityResult:
    """Read `capacity.json`.

    Raises:
        ResultsError: the file is missing, damaged or of another format.

    """
    return read_struct(directory / FILE, CapacityResult, "capacity", "give a folder that `capacity` wrote")
