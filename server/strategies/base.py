"""What a broadcast strategy is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping
from typing import ClassVar

from server.member import Member
from server.message import Broadcast
from server.telemetry import Counters


class Strategy(ABC):
    """Carries every broadcast of one room to all of its members.

    `members` is the room's own mapping, by name, and changes as members come and go.
    """

    name: ClassVar[str]

    def __init__(self, members: Mapping[str, Member], counters: Counters) -> None:
        self._members = members
        self._counters = counters

    @abstractmethod
    async def publish(self, broadcast: Broadcast) -> None:
        """Send a broadcast to every member, or see to it that it will be sent."""

    async def attend(self, member: Member, conversation: Coroutine[None, None, None]) -> None:  # noqa: ARG002
        """Await a member's conversation, which ends when the member goes, with whatever runs beside it."""
        await conversation

    def close(self) -> None:  # noqa: B027
        """End what runs for the room: its last member has left."""
