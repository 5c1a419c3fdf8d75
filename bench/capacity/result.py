"""What a search for the capacity was to do, what it tried, and what it found: the contents of `capacity.json`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

from bench.capacity.search import Outcome, Rules
from bench.model.environment import Environment
from bench.model.plan import Arm, Workload
from bench.model.summary import Cell
from bench.storage.files import read_struct, write_struct

FORMAT = 1
FILE = "capacity.json"


class Axis(StrEnum):
    """What grows: the users in the room, or the messages a second that they send together."""

    USERS = "users"
    RATE = "rate"

    @property
    def unit(self) -> str:
        """What a load is counted in."""
        return "users" if self is Axis.USERS else "messages/s"


class Percentile(StrEnum):
    """The percentile of the delivery latency that the objective is about."""

    P50 = "50"
    P90 = "90"
    P99 = "99"
    P99_9 = "99.9"

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"p{self}"

    def of(self, cell: Cell) -> float | None:
        """Read it from a cell, in milliseconds; `None` where it falls among missing deliveries."""
        latency = cell.latency_ms
        return {"50": latency.p50, "90": latency.p90, "99": latency.p99, "99.9": latency.p99_9}[self]


class CapacityPlan(msgspec.Struct, frozen=True):
    """A search a strategy; `workload` is what all tries have in common: the load in it is that of the first."""

    by: Axis
    workload: Workload
    arms: tuple[Arm, ...]
    percentile: Percentile
    slo_ms: float
    rules: Rules
    max_minutes: float
    seed: int

    @property
    def objective(self) -> str:
        """The objective in words, without what is always part of it: nothing missing."""
        return f"{self.percentile.label} <= {self.slo_ms:g} ms"

    def workload_at(self, load: int) -> Workload:
        """Return the workload of a try."""
        if self.by is Axis.USERS:
            return msgspec.structs.replace(self.workload, users=(load,))
        return msgspec.structs.replace(self.workload, room_rate=float(load))


class Try(msgspec.Struct, frozen=True):
    """One load, tried once on a fresh server; `number` counts the tries of all strategies from 1.

    `strategy` is the label of its arm, `reason` says why it was not held. `cell` is `None` where nothing was measured.
    """

    number: int
    strategy: str
    load: int
    outcome: Outcome
    reason: str
    cell: Cell | None = None


class Limit(StrEnum):
    """What kept a search from a larger load."""

    SERVER = "server"
    GENERATOR = "generator"
    DOUBT = "doubt"
    RANGE = "range"
    UNFINISHED = "unfinished"


class Capacity(msgspec.Struct, frozen=True):
    """The largest load that a strategy holds: `held` in most tries, in all of them `low`; at `high` all failed.

    0 is no load at all; `high` is `None` where no load failed in all its tries. `evidence` says what happened at the
    edge. What is not `confirmed` was tried fewer times than asked for.
    """

    strategy: str
    held: int
    low: int
    high: int | None
    limited_by: Limit
    evidence: str
    confirmed: bool
    tries: int


class CapacityResult(msgspec.Struct, frozen=True):
    """All searches of one command."""

    format: int
    environment: Environment
    plan: CapacityPlan
    tries: list[Try]
    capacities: list[Capacity]

    @property
    def believable(self) -> bool:
        """Whether every strategy was tried, and none of them met its edge in doubt."""
        return all(each.tries and each.limited_by is not Limit.DOUBT for each in self.capacities)


def write_capacity(result: CapacityResult, directory: Path) -> None:
    """Write `capacity.json`."""
    write_struct(directory / FILE, result)


def read_capacity(directory: Path) -> CapacityResult:
    """Read `capacity.json`.

    Raises:
        ValueError: there is none, it is damaged, or it is of another format.

    """
    return read_struct(directory / FILE, CapacityResult, "capacity", "give a folder that `capacity` wrote")
