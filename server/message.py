"""A message from the server to a member, and its JSON encoding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

Event = Literal["user", "join", "leave"]

SYSTEM = "@system"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One JSON object on the wire; `ctime` is the server's time in UTC as ISO 8601 with microseconds.

    `offset` is its number in the room, from 1; `Broadcast.numbered` writes it.
    """

    sender: str
    text: str
    ctime: str
    event: Event
    offset: int = 0

    @classmethod
    def said(cls, name: str, text: str) -> Message:
        """Return what a member said, stamped now."""
        return cls(name, text, _utc_now(), "user")

    @classmethod
    def joined(cls, name: str) -> Message:
        """Return the notice that a member came, stamped now."""
        return cls(SYSTEM, f"{name} joined", _utc_now(), "join")

    @classmethod
    def left(cls, name: str) -> Message:
        """Return the notice that a member went, stamped now."""
        return cls(SYSTEM, f"{name} left", _utc_now(), "leave")

    def encode(self) -> Broadcast:
        """Encode as UTF-8 JSON, once for all members."""
        return Broadcast(msgspec.json.encode(self), self.event)


class Welcome(msgspec.Struct, frozen=True, tag_field="event", tag="welcome"):
    """Tells a member that comes where the room is: in which epoch, and the number of the last message before it."""

    epoch: str
    offset: int

    def encode(self) -> bytes:
        """Encode as UTF-8 JSON."""
        return msgspec.json.encode(self)


class Gap(msgspec.Struct, frozen=True, tag_field="event", tag="gap"):
    """Tells a member that `missed` messages before those that follow are not kept any more.

    They are at least so many, unless that is `exact`: of another epoch nothing is known.
    """

    epoch: str
    offset: int
    missed: int
    exact: bool

    def encode(self) -> bytes:
        """Encode as UTF-8 JSON."""
        return msgspec.json.encode(self)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A message on its way to every member: the payload of its text frame."""

    payload: bytes
    event: Event

    def numbered(self, offset: int) -> Broadcast:
        """Return it with its number in the room written into the JSON object, at the end."""
        return Broadcast(b'%b,"offset":%d}' % (self.payload[:-1], offset), self.event)


def _utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
