"""One room: its members, and the strategy that carries their messages."""

from __future__ import annotations

import asyncio
from time import monotonic

from websockets.frames import CloseCode

from server.congestion import Congestion
from server.history import BEGINNING, History, Position
from server.member import Member
from server.message import Broadcast, Gap, Message, Welcome
from server.pace import Pace
from server.settings import Settings
from server.strategies.base import Strategy
from server.telemetry import Counters

TURN_S = 0.001
"""A member who has more to say is heard for so long, then everybody else has a turn of the event loop."""


class Room:
    """The members that hear each other, and the strategy that carries what they say.

    `names` are the keys of those in use: of the members, and of users who are just coming or going. Who talks faster
    than the others read is made to wait for them. Each message gets its number from the `history` when it is published.
    """

    def __init__(self, strategy: type[Strategy], counters: Counters, settings: Settings, history: History) -> None:
        self.names: set[str] = set()
        self.members: dict[str, Member] = {}
        self.announces = True
        self.history = history
        self._counters = counters
        self._settings = settings
        self._strategy = strategy(self.members, counters)
        self._congestion = Congestion(self.members, settings, lambda: self._strategy.pending_bytes)

    async def host(self, member: Member, since: Position | None = None) -> None:
        """Keep a member in the room until it leaves; it receives its own join notice, the others both notices.

        One that says how far it has read is sent what it missed `since` first.
        """
        if since is not None and not await self._catch_up(member, since):
            return
        # No `await` from here until the strategy knows the member, so that it gets all later messages and no other.
        self.members[member.name] = member
        try:
            await self._strategy.attend(member, self._converse(member))
        finally:
            announces = self._may_announce()
            del self.members[member.name]
            self._congestion.discard(member)
            self._counters.kicked += member.kicked
            if announces:
                await self._publish(Message.left(member.name).encode())

    def close(self) -> None:
        """End what runs for the room: its last member has left."""
        self._strategy.close()

    async def _catch_up(self, member: Member, since: Position) -> bool:
        """Tell a member where the room is, and send it what it missed; return whether it is still there.

        It is no member yet, so what is said meanwhile is in the history, too.
        """
        history = self.history
        is_exact = since == BEGINNING or history.is_known(since)
        read = history.offset if since == BEGINNING else since.offset if is_exact else 0
        if not await member.send(Welcome(history.epoch, history.offset).encode()):
            return False
        while read < history.offset or not is_exact:
            missed, kept = history.after(read)
            if missed or not is_exact:
                self._counters.gaps += 1
                if not await member.send(Gap(history.epoch, history.offset, missed, is_exact).encode()):
                    return False
            for message in kept:
                if not await member.send(message.payload):
                    return False
                self._counters.sent(message, 1)
                self._counters.replayed += 1
            read, is_exact = read + missed + len(kept), True
        return True

    async def _converse(self, member: Member) -> None:
        if self._may_announce():
            await self._publish(Message.joined(member.name).encode())
        pace, began_s = self._new_pace(), monotonic()
        while (text := await member.receive()) is not None:
            if pace is not None and not await self._keep_pace(pace, member, text):
                break
            message = Message.said(member.name, text).encode()
            size_bytes = len(message.payload)
            if not self._congestion.takes(member, size_bytes):
                if not await self._congestion.wait_for_room(member, size_bytes):
                    break
                message = Message.said(member.name, text).encode()  # stamped when it is taken
            self._counters.messages_in += 1
            await self._publish(message)
            if member.has_messages and monotonic() - began_s > TURN_S:
                await asyncio.sleep(0)
                began_s = monotonic()

    async def _publish(self, message: Broadcast) -> None:
        await self._strategy.publish(self.history.add(message))

    def _may_announce(self) -> bool:
        """Return whether joins and leaves are announced with as many members as there are now."""
        limit = self._settings.notice_limit
        return self.announces and (limit is None or len(self.members) <= limit)

    def _new_pace(self) -> Pace | None:
        """Return how fast a member may talk; `None` is without a limit."""
        rates = (self._settings.max_messages_per_second, self._settings.max_bytes_per_second)
        return None if rates == (None, None) else Pace(*rates, monotonic())

    async def _keep_pace(self, pace: Pace, member: Member, text: str) -> bool:
        """Slow a member that is too fast; return whether it may stay: not if it has gone, or goes on like that."""
        began_s = monotonic()
        wait_s, patience_s = pace.wait_s(began_s), self._settings.slow_after_s - pace.slowed_s
        if wait_s:
            if not await member.pause(min(wait_s, patience_s)):
                return False
            if wait_s > patience_s:
                member.close(CloseCode.POLICY_VIOLATION)
                return False
        now_s = monotonic()
        pace.take(len(text.encode()), now_s, now_s - began_s if wait_s else 0.0)
        return True
