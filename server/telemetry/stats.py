"""The figures of one moment."""

from __future__ import annotations

import msgspec

from server.telemetry.garbage import GcPauses
from server.telemetry.loop_lag import LagBucket, LoopLag


class Stats(msgspec.Struct, frozen=True):
    """The body of `GET /stats`; counters are cumulative, so two readings may be subtracted.

    `time_ns` is CLOCK_REALTIME. `deliveries_out` and `notices_out` count the copies handed to a member's socket;
    `dropped` counts those thrown away because a member was kicked for not reading, `kicked` such members.
    `replayed` counts the copies sent to members that came back, which are in the first two as well, and `gaps` how
    often one was told that something is not kept any more. An outbox is what waits for one member at this moment,
    the kernel's buffer not counted; the percentiles are over members. `tasks` are those of asyncio. The last four
    are of the server's process.
    """

    strategy: str
    time_ns: int
    members: int
    rooms: int
    messages_in: int
    deliveries_out: int
    notices_out: int
    dropped: int
    kicked: int
    replayed: int
    gaps: int
    loop_lag_ms: LoopLag
    loop_lag_buckets: tuple[LagBucket, ...]
    loop_lag_total_ms: float
    outbox_bytes_p50: int
    outbox_bytes_p99: int
    outbox_bytes_max: int
    tasks: int
    gc_pauses: GcPauses
    rss_bytes: int
    cpu_seconds: float
    uptime_seconds: float
    pid: int
