"""One room: its members, and the strategy that carries their messages."""

from __future__ import annotations

from server.member import Member
from server.message import Message
from server.strategies.base import Strategy
from server.telemetry import Counters


class Room:
    """The members that hear each other, and the strategy that carries what they say.

    `names` are those in use: of the members, and of users who are just coming or going.
    """

    def __init__(self, strategy: type[Strategy], counters: Counters, notice_limit: int | None) -> None:
        self.names: set[str] = set()
        self.members: dict[str, Member] = {}
        self.announces = True
        self._counters = counters
        self._notice_limit = notice_limit
        self._strategy = strategy(self.members, counters)

    async def host(self, member: Member) -> None:
        """Keep a member in the room until it leaves; it receives its own join notice, the others both notices."""
        self.members[member.name] = member
        try:
            await self._strategy.attend(member, self._converse(member))
        finally:
            announces = self._may_announce()
            del self.members[member.name]
            self._counters.kicked += member.kicked
            if announces:
                await self._publish(Message.left(member.name))

    def close(self) -> None:
        """End what runs for the room: its last member has left."""
        self._strategy.close()

    async def _converse(self, member: Member) -> None:
        if self._may_announce():
            await self._publish(Message.joined(member.name))
        while (text := await member.receive()) is not None:
            self._counters.messages_in += 1
            await self._publish(Message.said(member.name, text))

    async def _publish(self, message: Message) -> None:
        await self._strategy.publish(message.encode())

    def _may_announce(self) -> bool:
        """Return whether joins and leaves are announced with as many members as there are now."""
        return self.announces and (self._notice_limit is None or len(self.members) <= self._notice_limit)
