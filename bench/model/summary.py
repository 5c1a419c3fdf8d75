"""What a campaign found: the contents of `summary.json`, which tables and charts are drawn from."""

from __future__ import annotations

import math

import msgspec

from bench.model.environment import Environment
from bench.model.plan import Plan
from loadtest.ledger.result import StepFigures

FORMAT = 1


class ServerUse(msgspec.Struct, frozen=True):
    """What the server used over a window; `None` where it could not be sampled over the whole of it.

    The last three are between the last reading of its telemetry before the window and the first one after it.
    """

    cpu_us_per_delivery: float | None
    cpu_percent: float | None
    rss_mib: float | None
    loop_lag_p99_ms: float | None = None
    kicked: int | None = None
    dropped: int | None = None


class Cell(StepFigures, frozen=True, kw_only=True):
    """One user count of one trial, in the counts and units of a swarm's `Step`.

    `strategy` is the label of its arm. An `attempt` above 1 says that earlier ones were invalid.
    """

    strategy: str
    block: int
    offered_deliveries_per_s: float
    server: ServerUse
    order_conflicts: int = 0  # these three were not written at first
    foreign: int = 0
    not_judged: int = 0
    attempt: int = 1


class Attempt(msgspec.Struct, frozen=True):
    """One measurement of a cell that was measured more than once, and the reasons if it is invalid."""

    strategy: str
    users: int
    block: int
    attempt: int
    valid: bool
    reasons: list[str]


class NotMeasured(msgspec.Struct, frozen=True):
    """A user count that a trial did not come to, and why."""

    strategy: str
    users: int
    block: int
    reason: str


class FailedTrial(msgspec.Struct, frozen=True):
    """A trial that did not get to its end, and why."""

    strategy: str
    block: int
    reason: str
    attempt: int = 1


class Summary(msgspec.Struct, frozen=True):
    """A whole campaign in figures; of a cell that was measured several times it has the first valid attempt.

    `attempts` lists all attempts of those cells.
    """

    format: int
    environment: Environment
    plan: Plan
    cells: list[Cell]
    not_measured: list[NotMeasured]
    failures: list[FailedTrial]
    supported_percentile: float | None = None
    """The highest percentile that the planned messages of a window carry; `None` in older results, too."""
    attempts: list[Attempt] = []

    @property
    def valid(self) -> bool:
        """Whether every trial got to its end, nothing of it was lost, and every cell is valid."""
        return not self.failures and not self.lost and all(cell.valid for cell in self.cells)

    @property
    def lost(self) -> list[NotMeasured]:
        """What was not measured although no smaller user count had overloaded the server."""
        overloaded = {(cell.strategy, cell.block) for cell in self.cells if not cell.drained}
        return [gap for gap in self.not_measured if (gap.strategy, gap.block) not in overloaded]

    def blocks_of(self, strategy: str, users: int) -> list[Cell]:
        """Return the cells of one strategy at one user count, one a block."""
        return [cell for cell in self.cells if (cell.strategy, cell.users) == (strategy, users)]


def or_infinite(latency_ms: float | None) -> float:
    """Turn a percentile that falls among missing deliveries into what it is: infinitely late."""
    return math.inf if latency_ms is None else latency_ms
