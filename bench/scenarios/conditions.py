"""The conditions of a scenario: its load and its disturbance, in the names that a scenario's file uses."""

from __future__ import annotations

import math
import shlex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bench.model.plan import Workload
from loadtest.schedule import stamp

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]


BENCH_FLAGS = {"--strategy", "--host", "--port", "--notice-limit"}
TIMES = ("burst_at_s", "reconnect_at_s", "freeze_at_s", "kill_at_s", "flood_at_s")


class Conditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run's conditions: rates per second, sizes in bytes, times in seconds; `*_at_s` count from the window's start.

    The users are dealt out to `rooms` rooms, each with the `room_rate`.

    At most one of burst, reconnect, freeze, kill and flood disturbs a run. `flood` is MESSAGESxBYTES, from each
    flooder. With `window_s`, windows of that length follow one another for `duration_s`, so that the result of a run of
    hours stays small. `server` has flags of the server as on a command line. 0 disables an `*_at_s` or a count.
    """

    users: Annotated[int, Meta(ge=1)] = 100
    rooms: Annotated[int, Meta(ge=1)] = 1
    room_rate: Positive = 100.0
    message_size: Annotated[int, Meta(ge=stamp.LENGTH)] = 64
    arrival: Literal["constant", "poisson"] = "poisson"
    duration_s: Positive = 10.0
    window_s: Positive | None = None
    warmup_s: NonNegative = 2.0
    drain_s: Positive = 5.0
    join_rate: Positive = 500.0
    notice_limit: Count = 200
    slo_ms: Positive = 50.0
    server: str = ""

    stalled: Count = 0
    stalled_bytes_per_s: Count = 0
    burst_factor: Positive = 1.0
    burst_at_s: NonNegative = 0.0
    burst_for_s: Positive = 1.0
    flood: Annotated[str, Meta(pattern="^([1-9][0-9]{0,6}x[1-9][0-9]{0,6})?$")] = ""
    flood_at_s: NonNegative = 0.0
    flooders: Annotated[int, Meta(ge=1)] = 1
    churn_rate: NonNegative = 0.0
    reconnect_at_s: NonNegative = 0.0
    reconnect_jitter_s: NonNegative = 0.0
    drop_rate: NonNegative = 0.0
    resume: bool = False
    rejoin_every_s: NonNegative = 0.0
    freeze_at_s: NonNegative = 0.0
    freeze_for_s: Positive = 1.0
    kill_at_s: NonNegative = 0.0
    down_for_s: NonNegative = 0.0

    def __post_init__(self) -> None:
        """Refuse conditions that cannot be run; msgspec reports them like a wrong type."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} = {value:g} must be finite")
        try:
            flags = {flag.partition("=")[0] for flag in self.server_flags}
        except ValueError as error:
            raise ValueError(f"server = {self.server!r} is not a valid command line: {error}") from error
        if own := sorted(flags & BENCH_FLAGS):
            raise ValueError(f"server = {self.server!r}: {own[0]} is set by the bench; remove it")
        if self.stalled >= self.users:
            raise ValueError(f"stalled = {self.stalled} leaves none of {self.users} users to measure; raise `users`")
        if self.rooms > self.users:
            raise ValueError(f"rooms = {self.rooms} leaves rooms empty with {self.users} users; raise `users`")
        for name in TIMES:
            if (time_s := getattr(self, name)) >= self.duration_s:
                raise ValueError(
                    f"{name} = {time_s:g} is not within the window of {self.duration_s:g} s; raise `duration_s`"
                )
        disturbances = [name for name in TIMES[1:-1] if getattr(self, name)] + ["flood"] * bool(self.flood)
        if self.burst_factor != 1:
            disturbances.insert(0, "burst_factor")
        if len(disturbances) > 1:
            raise ValueError(f"{' and '.join(disturbances)}: a run has at most one disturbance; keep one")
        if disturbances and self.window_s:
            raise ValueError(f"{disturbances[0]} needs a single window; remove `window_s`")
        if self.kill_at_s and not self.rejoin_every_s:
            raise ValueError("kill_at_s needs `rejoin_every_s`: without it no user rejoins the restarted server")

    @property
    def workload(self) -> Workload:
        """The load, without disturbances and members that stall."""
        return Workload(
            users=(self.users,),
            room_rate=self.room_rate,
            message_size=self.message_size,
            arrival=self.arrival,
            duration_s=self.duration_s,
            warmup_s=self.warmup_s,
            drain_s=self.drain_s,
            join_rate=self.join_rate,
            notice_limit=self.notice_limit,
            rooms=self.rooms,
        )

    @property
    def swarm_flags(self) -> dict[str, object]:
        """The swarm's flags besides the load; `None` removes a flag."""
        flags: dict[str, object] = {
            "--stalled": self.stalled,
            "--stalled-bytes-per-s": self.stalled_bytes_per_s,
            "--flood": self.flood,
            "--flood-at": self.flood_at_s,
            "--flooders": self.flooders,
            "--burst-factor": self.burst_factor,
            "--burst-at": self.burst_at_s,
            "--burst-for": self.burst_for_s,
            "--churn-rate": self.churn_rate,
            "--reconnect-at": self.reconnect_at_s,
            "--reconnect-jitter": self.reconnect_jitter_s,
            "--drop-rate": self.drop_rate,
            "--resume": self.resume or None,
            "--rejoin-every": self.rejoin_every_s,
        }
        if self.window_s:
            run_s = math.ceil(self.workload.step_seconds()[0])
            flags |= {"--steps": None, "-u": self.users, "-t": f"{run_s}s", "--dwell": self.window_s}
        return flags

    @property
    def server_flags(self) -> tuple[str, ...]:
        """The server's flags besides its strategy."""
        return tuple(shlex.split(self.server))
