"""The result that a swarm writes to `--swarm-out`: a `Step` for each user count."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import msgspec

from loadtest.errors import ResultError
from loadtest.ledger.validity_limits import is_wide_bracket

FORMAT = 1
HIGHEST_US = 3_600_000_000
"""The highest value of a histogram, one hour in microseconds: it stands for a missing delivery."""


class Latency(msgspec.Struct, frozen=True):
    """Percentiles of a latency in milliseconds; `None` is one that falls among missing deliveries."""

    p50: float | None
    p90: float | None
    p99: float | None
    p99_9: float | None = msgspec.field(name="p99.9")
    max: float | None


class MedianAndTail(msgspec.Struct, frozen=True):
    """Two percentiles in milliseconds; `None` as in `Latency`."""

    p50: float | None
    p99: float | None


class Second(msgspec.Struct, frozen=True):
    """The messages due within one second from `start_ns` (CLOCK_REALTIME); latency in milliseconds.

    `withdrawn` more were planned for it, whose senders were away by plan.
    """

    start_ns: int
    messages: int
    expected: int
    delivered: int
    p50: float | None
    p99: float | None
    max: float | None
    withdrawn: int = 0


class Generator(msgspec.Struct, frozen=True):
    """The swarm's own cost, and how late it sent and read, over the window."""

    schedule_lag_p50_ms: float
    schedule_lag_p99_ms: float
    schedule_lag_max_ms: float
    arrival_uncertainty_p99_ms: float
    read_lag_p50_ms: float
    read_lag_p99_ms: float
    cpu_us_per_delivery: float
    cpu_percent: float
    rss_mib: float
    frames_per_read: float
    reads_without_timestamp: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The exact counts of one or more windows.

    `planned_messages` were due and `offered_messages` of them sent. The others count deliveries, a pair of message and
    receiver each; `delivered + missing == expected`. `order_conflicts` came after a message that the room's first
    member received later. `withdrawn_messages` were taken out of the plan because their sender was away by plan.
    `corrupted` came with a text that was truncated or altered: they are not delivered. `negative_latencies` of those
    delivered arrived before they were sent, by clocks that do not agree. `echoes` came to their own senders although
    the server was said not to do that. `misrouted` reached members of another room than their senders'.
    `replayed` of those delivered came to members that had been away when they were due, and had come back.
    """

    planned_messages: int
    offered_messages: int
    expected: int
    delivered: int
    missing: int
    late: int
    duplicates: int
    reordered: int
    order_conflicts: int
    foreign: int
    not_judged: int
    withdrawn_messages: int = 0
    corrupted: int = 0
    negative_latencies: int = 0
    echoes: int = 0
    misrouted: int = 0
    replayed: int = 0

    @classmethod
    def zero(cls) -> Self:
        """Return the counts of no window."""
        return cls(**dict.fromkeys(cls.__struct_fields__, 0))

    def __add__(self, other: Counts) -> Counts:
        """Sum up each count."""
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.__struct_fields__})


class WindowFigures(Counts, frozen=True, kw_only=True):
    """The counts and latencies of one or more windows.

    `latency_ms` (from sending) and `response_ms` (from due) are over deliveries; `first_receiver_ms`,
    `last_receiver_ms` and `spread_ms` (last less first) over messages; `position_ms` is the delivery latency in each
    tenth of the room by order of joining. `latency_ms` is of the upper bound of each arrival and `latency_lower_ms` of
    the tightest lower one; `None` in older files. `backlog_growth` is the growth rate of the deliveries under way, as
    a share of the offered rate. `replay_ms` is of deliveries that were replayed, since their receivers began to come
    back; they are in no other latency. `None` where there are none.
    """

    saturated: bool
    latency_ms: Latency
    response_ms: Latency
    first_receiver_ms: MedianAndTail
    last_receiver_ms: MedianAndTail
    spread_ms: MedianAndTail
    position_ms: list[MedianAndTail]
    latency_lower_ms: Latency | None = None
    backlog_growth: float = 0.0
    replay_ms: Latency | None = None


class StepFigures(WindowFigures, frozen=True, kw_only=True):
    """The figures that a swarm's step and a cell of a campaign's summary have in common.

    `joined` of `users` are in the `rooms`. `window_s` is the length of all windows together.
    """

    users: int
    joined: int
    valid: bool
    reasons: list[str]
    warnings: list[str]
    drained: bool
    window_s: float
    deliveries_per_s: float
    generator: Generator
    rooms: int = 1


class Step(StepFigures, frozen=True, kw_only=True):
    """The judged windows of one user count.

    Of `stalled` users nothing is expected. `arrived_in_window` counts every stamped
    delivery that arrived between `window_start_ns` and `window_end_ns`, whichever window its message was due in:
    throughput and CPU per delivery divide by it.
    `*_ns` are CLOCK_REALTIME nanoseconds. `histogram` is the latency of all expected deliveries, in microseconds, as a
    base64 HdrHistogram V2 log, missing deliveries at its highest value.
    `timeline` has a row a second, of the last hour where it was longer.
    """

    stalled: int
    windows: int
    window_start_ns: int
    window_end_ns: int
    drain_end_ns: int
    arrived_in_window: int
    histogram: str
    timeline: list[Second]


class SwarmResult(msgspec.Struct, frozen=True):
    """A whole run: the steps that were measured and the user counts that were not.

    `messages_sent` and `deliveries_received` count all stamped messages, those of warm-ups too, until the room was
    quiet at the end; `members_lost` counts users that could not join or fell out;
    what the `flooders` sent is in no count. `refused`: no user was to join, for the reason in `problems`.
    """

    format: int
    workers: int
    steps: list[Step]
    not_measured: list[int]
    interrupted: bool = False
    problems: list[str] = []
    messages_sent: int = 0
    deliveries_received: int = 0
    members_lost: int = 0
    flooders: int = 0
    refused: bool = False


def wide_bracket_ms(figures: WindowFigures, percentile: str = "p99") -> tuple[float, float] | None:
    """Return both bounds of a latency's percentile if they are further apart than `MAX_BRACKET_RATIO` allows.

    `percentile` is a field of `Latency`. `None` where the bounds are close, or where there is none.
    """
    upper_ms = getattr(figures.latency_ms, percentile)
    lower_ms = getattr(figures.latency_lower_ms, percentile, None)
    if upper_ms is None or lower_ms is None or not is_wide_bracket(lower_ms, upper_ms):
        return None
    return lower_ms, upper_ms


def shared_fields(base: type[msgspec.Struct], value: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that `value` has from `base`, by name, to make another struct of that base from."""
    return {name: getattr(value, name) for name in base.__struct_fields__}


def write(result: SwarmResult, path: Path) -> None:
    """Write `result` to `path` in one rename, so that a reader never sees part of a file."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
    temporary.replace(path)


def read(path: Path) -> SwarmResult:
    """Read a swarm's result.

    Raises:
        FileNotFoundError: there is no such file.
        ResultError: the file is not a swarm's result, or has another format.

    """
    data = path.read_bytes()
    try:
        format_ = msgspec.json.decode(data, type=_Versioned).format
        if format_ == FORMAT:
            return msgspec.json.decode(data, type=SwarmResult)
    except msgspec.DecodeError as error:
        raise ResultError(f"{path} is not a swarm result: {error}; run the swarm again with --swarm-out") from error
    raise ResultError(f"{path} has format {format_}, this version reads {FORMAT}; run the swarm again")


class _Versioned(msgspec.Struct):
    format: int
