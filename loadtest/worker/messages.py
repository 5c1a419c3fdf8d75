"""What the conductor and the generators tell each other.

The conductor is on Locust's master, or in the only process; generators are where the users are.
All of it goes through Locust's own `runner.send_message`; a lone process sends to itself.
Times are CLOCK_REALTIME nanoseconds unless named otherwise.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

import msgspec
import numpy as np

from loadtest.ledger.ledger import Columns, Deliveries, Members, Sends


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Conductor to generators: asks what time it is there."""

    time_ns: int


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """Generator to conductor: the `Ping`'s time again, the generator's own, and which system it runs on."""

    ping_ns: int
    time_ns: int
    boot_id: str


class WindowOrder(msgspec.Struct, frozen=True, tag="order"):
    """Conductor to generators: send on schedule from `begin_ns` to `end_ns`; what is due from `start_ns` on is judged.

    `room` are the members' numbers, ascending; a schedule's sender is a position in it. `first_seq` is above every
    number of an earlier window's messages. `ahead_ns` is how far the generator's clock is ahead of the conductor's.
    """

    number: int
    room: list[int]
    begin_ns: int
    start_ns: int
    end_ns: int
    first_seq: int = 0
    ahead_ns: int = 0


class Collect(msgspec.Struct, frozen=True, tag="collect"):
    """Conductor to generators: hand over the ledger of a window, which is then forgotten."""

    number: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Conductor to generators: what is due after `end_ns` is not sent any more."""

    end_ns: int


class State(msgspec.Struct, frozen=True, tag="state"):
    """Generator to conductor, several times a second: who is in the room, what happened so far, what is still to come.

    `sent` and `received` count stamped messages since the run began, those of warm-ups too.
    """

    joined: list[int]
    stalled: int
    failed: int
    reads: int
    sent: int
    received: int
    outstanding: dict[int, int]
    problems: list[str]


class Cost(msgspec.Struct, frozen=True):
    """What a window cost a generator's process, and how it read: seconds, bytes, counts, nanoseconds."""

    wall_s: float
    cpu_s: float
    rss_bytes: int
    reads: int
    frames: int
    without_timestamp: int
    arrived_in_window: int
    clock_step_ns: int


class Received(msgspec.Struct, frozen=True, tag="received"):
    """Generator to conductor: some of a window's deliveries, each part as `pack` makes it."""

    number: int
    deliveries: list[bytes]


class Ledger(msgspec.Struct, frozen=True, tag="ledger"):
    """Generator to conductor: the rest of a window's records (see `pack`), after all that it received.

    `Received` and this are the answer to `Collect`. `sends` is what was attempted or could not be, `withdrawn` what was
    planned for members that left by plan.
    """

    number: int
    members: bytes
    sends: bytes
    withdrawn: bytes
    cost: Cost


ToGenerator = Ping | WindowOrder | Collect | Stop
ToConductor = Pong | State | Received | Ledger
TO_GENERATOR, TO_CONDUCTOR = "chatroom-to-generator", "chatroom-to-conductor"

Records = TypeVar("Records", Members, Sends, Deliveries)


def pack(records: Columns) -> bytes:
    """Return the records' columns, one after the other, as little-endian int64."""
    return b"".join(getattr(records, field.name).astype("<i8").tobytes() for field in fields(records))  # type: ignore[arg-type]


def unpack(kind: type[Records], data: bytes) -> Records:
    """Return what `pack` was given."""
    names = [field.name for field in fields(kind)]
    columns: Any = np.frombuffer(data, "<i8").astype(np.int64).reshape(len(names), -1)
    return kind(*columns)
