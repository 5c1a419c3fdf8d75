"""What one trial left behind, before anything is computed from it."""

from __future__ import annotations

import msgspec

from bench.plan import Trial
from loadtest.result import SwarmResult


class ServerSample(msgspec.Struct, frozen=True):
    """The server's CPU seconds so far and bytes resident at one moment, CLOCK_REALTIME nanoseconds."""

    time_ns: int
    cpu_s: float
    rss_bytes: int


class LoopLag(msgspec.Struct, frozen=True):
    """How late the server's event loop ran its timers since it started, milliseconds."""

    p50: float
    p99: float
    max: float


class ServerStats(msgspec.Struct, frozen=True):
    """The counters of the server's `/stats`, cumulative since it started."""

    members: int
    messages_in: int
    deliveries_out: int
    notices_out: int
    dropped: int
    kicked: int
    loop_lag_ms: LoopLag


class Failure(msgspec.Struct, frozen=True):
    """Why a trial did not get to its end, and the last lines of the log that may tell more."""

    message: str
    log: list[str] = []


class Run(msgspec.Struct, frozen=True):
    """A trial that was run: what the swarm measured, what the server used, and what went wrong.

    `swarm` is `None` if it left no result; `server_ended` says how a server ended that nobody stopped.
    """

    trial: Trial
    swarm: SwarmResult | None
    samples: list[ServerSample]
    stats_before: ServerStats | None
    stats_after: ServerStats | None
    server_ended: str | None
    failure: Failure | None
