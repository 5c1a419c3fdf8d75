"""A message from the server to a member, and its JSON encoding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

Event = Literal["user", "join", "leave"]

SYSTEM = "@system"


class Message(msgspec.Struct, frozen=True):
    """One JSON object on the wire; `ctime` is the server's time in UTC as ISO 8601 with microseconds."""

    sender: str
    text: str
    ctime: str
    event: Event

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


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A message on its way to every member: the payload of its text frame."""

    payload: bytes
    event: Event


def _utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
