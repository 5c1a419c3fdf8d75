"""What one trial left behind, before anything is computed from it."""

from __future__ import annotations

import msgspec

from bench.model.plan import Trial
from loadtest.ledger.result import Step, SwarmResult


class ServerSample(msgspec.Struct, frozen=True):
    """A server's CPU seconds so far and bytes resident at one moment, CLOCK_REALTIME nanoseconds.

    Both are sums over its `processes`, of which `pid` is the first. Samples stored without that number are of the first
    process alone.
    """

    time_ns: int
    cpu_s: float
    rss_bytes: int
    pid: int = 0
    processes: int = 1


class LoopLag(msgspec.Struct, frozen=True):
    """How late the server's event loop ran its timers since it started, milliseconds."""

    p50: float
    p99: float
    max: float


class LagBucket(msgspec.Struct, frozen=True):
    """How many timers were at most `up_to_ms` late, and later than the bound before it."""

    up_to_ms: float
    count: int


class GcPauses(msgspec.Struct, frozen=True):
    """The runs of the server's garbage collector."""

    count: int
    total_ms: float
    max_ms: float


class ServerStats(msgspec.Struct, frozen=True):
    """One reading of the server's `/stats`: counters since it started, the rest at `time_ns` (CLOCK_REALTIME).

    Readings that were stored before the server told more have its first seven fields only.
    """

    members: int
    messages_in: int
    deliveries_out: int
    notices_out: int
    dropped: int
    kicked: int
    loop_lag_ms: LoopLag
    time_ns: int = 0
    pid: int = 0
    loop_lag_buckets: tuple[LagBucket, ...] = ()
    outbox_bytes_p50: int = 0
    outbox_bytes_p99: int = 0
    outbox_bytes_max: int = 0
    tasks: int = 0
    gc_pauses: GcPauses = GcPauses(0, 0, 0)


class Failure(msgspec.Struct, frozen=True):
    """Why a trial did not get to its end, and the last lines of the log that may tell more."""

    message: str
    log: list[str] = []


class Run(msgspec.Struct, frozen=True):
    """A trial that was run: what the swarm measured, what the server used, and what went wrong.

    `swarm` is `None` if it left no result; `server_ended` says how a server ended that nobody stopped. `telemetry`
    are readings about a second apart, but for those that the server was too busy to answer.
    """

    trial: Trial
    swarm: SwarmResult | None
    samples: list[ServerSample]
    stats_before: ServerStats | None
    stats_after: ServerStats | None
    server_ended: str | None
    failure: Failure | None
    telemetry: list[ServerStats] = []

    @property
    def steps(self) -> list[Step]:
        """What was measured, by ascending user count."""
        return self.swarm.steps if self.swarm else []

    @property
    def is_refused(self) -> bool:
        """Whether the swarm refused to let users join; it will do so again, unless the server or the flags change."""
        return self.swarm is not None and self.swarm.refused

    @property
    def is_finished(self) -> bool:
        """Whether the trial got to its end; one that failed or measured nothing has to be run again."""
        return self.failure is None and bool(self.steps)
