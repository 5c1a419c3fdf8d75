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

    A room makes one when its first member joins, in the event loop, and calls `close` when its last has left.
    `members` is the room's own mapping, by name, and changes as members join and leave: take a copy before an
    `await` in a loop over it. A subclass counts what it sends (`Counters.sent`), sets `name`, which `--strategy`
    is given, keeps `pending_bytes` if it publishes later, and must pass `server.testing.StrategyContract`.
    """

    name: ClassVar[str]
    pending_bytes = 0
    """The payload bytes that are published, but in nobody's outbox yet."""

    def __init__(self, members: Mapping[str, Member], counters: Counters) -> None:
        self._members = members
        self._counters = counters

    @abstractmethod
    async def publish(self, broadcast: Broadcast) -> None:
        """Send a broadcast to every member, or schedule that.

        The sender's next message is read when this returns. What one sender sends must reach everybody in order.
        """

    async def attend(self, member: Member, conversation: Coroutine[None, None, None]) -> None:  # noqa: ARG002
        """Await a member's conversation, which ends when the member leaves; run beside it what the strategy needs.

        Before its first `await` it must see to it that the member gets what is published from now on, and nothing that
        was published before: who comes back has been sent that.
        """
        await conversation

    def close(self) -> None:  # noqa: B027
        """End what runs for the room: its last member has left."""
