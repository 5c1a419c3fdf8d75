"""The records of the ledger as columns of numbers: members, sends, deliveries."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
NEVER = np.iinfo(np.int64).max
MAX_SENDER, MAX_SEQ = 999_999, 99_999_999
"""The highest number of a sender and of a message; the stamp's fields have as many digits."""
ORDER_MARGIN_NS = 1_000_000_000
"""Order is judged among what was due in a window and so shortly before it, in its warm-up or the window before."""


class Columns:
    """Base of the records below: frozen dataclasses whose fields are int64 arrays of one length."""

    @classmethod
    def concatenate(cls, parts: list[Self]) -> Self:
        """Join records; of none, records of length 0."""
        names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        empty = np.empty(0, np.int64)
        return cls(**{name: np.concatenate([empty, *(getattr(part, name) for part in parts)]) for name in names})

    def select(self, which: npt.NDArray[np.bool_] | Integers | slice) -> Self:
        """Return the records that a mask, an index array or a slice picks."""
        names = [field.name for field in fields(self)]  # type: ignore[arg-type]
        return type(self)(**{name: getattr(self, name)[which] for name in names})

    def split(self, group: Integers, groups: int) -> list[Self]:
        """Return the records of each group from 0 to `groups` - 1, in their order; those of no group are left out."""
        order = np.argsort(group, kind="stable")
        grouped = self.select(order)
        edges = np.searchsorted(group[order], np.arange(groups + 1))
        return [grouped.select(slice(*edges[each : each + 2])) for each in range(groups)]


@dataclass(frozen=True, slots=True)
class Members(Columns):
    """Who is in which room; `left_ns` is `NEVER` except for members that left by plan."""

    member: Integers
    joined_ns: Integers
    left_ns: Integers
    room: Integers


@dataclass(frozen=True, slots=True)
class Absences(Columns):
    """When members had lost their connections, and until they began to come back, `NEVER` if they did not.

    What was said meanwhile is expected at them all the same.
    """

    member: Integers
    from_ns: Integers
    until_ns: Integers


@dataclass(frozen=True, slots=True)
class Sends(Columns):
    """Messages that were due; `sent_ns` is when the send was attempted, `NEVER` if it was not."""

    sender: Integers
    seq: Integers
    due_ns: Integers
    sent_ns: Integers


@dataclass(frozen=True, slots=True)
class Deliveries(Columns):
    """Stamped messages as each receiver got them, in its own order.

    `arrival_ns` is an upper bound of the arrival, `floor_ns` a lower one; `read_ns` is when the swarm read it.
    `corrupted` is 1 where the text was truncated or altered, else 0.
    """

    receiver: Integers
    sender: Integers
    seq: Integers
    due_ns: Integers
    arrival_ns: Integers
    floor_ns: Integers
    read_ns: Integers
    corrupted: Integers


@dataclass(frozen=True, slots=True)
class Window:
    """Messages due in [start_ns, end_ns) that have until `drain_end_ns` to arrive; CLOCK_REALTIME nanoseconds.

    Of a member that leaves by plan, only deliveries due at least `leave_margin_ns` before it left are expected. With an
    echo the sender of a message is expected to receive it, too. A message is for the members of its sender's room, one
    of `rooms`.
    """

    start_ns: int
    end_ns: int
    drain_end_ns: int
    leave_margin_ns: int
    has_echo: bool = True
    rooms: int = 1


Records = TypeVar("Records", Members, Absences, Sends, Deliveries)


Number = TypeVar("Number", int, Integers)


def room_of(sender: Number, rooms: int) -> Number:
    """Return the room of a user, from 0, by the number that it sends with: users are dealt out to the rooms in turn."""
    return sender % rooms


def rank_among_equals(values: Integers) -> Integers:
    """Return for each value how many equal ones come before it."""
    order = np.argsort(values, kind="stable")
    grouped = values[order]
    starts = np.searchsorted(grouped, grouped)
    before = np.empty(len(values), np.int64)
    before[order] = np.arange(len(values)) - starts
    return before


def key(sender: Integers, seq: Integers) -> Integers:
    """Return one number a message, in order of sender and then of its messages."""
    keys: Integers = sender * (MAX_SEQ + 1) + seq
    return keys


def match(sorted_keys: Integers, keys: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Return each key's position in `sorted_keys`, and whether it is there at all."""
    if not len(sorted_keys):
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
    position = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return position, sorted_keys[position] == keys


def pack(records: Columns) -> bytes:
    """Return the records' columns, one after the other, as little-endian int64."""
    return b"".join(getattr(records, field.name).astype("<i8").tobytes() for field in fields(records))  # type: ignore[arg-type]


def unpack(kind: type[Records], data: bytes) -> Records:
    """Return what `pack` was given."""
    names = [field.name for field in fields(kind)]
    columns: Any = np.frombuffer(data, "<i8").astype(np.int64).reshape(len(names), -1)
    return kind(*columns)
