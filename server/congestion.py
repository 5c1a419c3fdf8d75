"""Whether the members of a room keep up with what is said there: who talks has to wait for who still reads."""

from __future__ import annotations

import asyncio

from server.config import FILLING_SHARE
from server.member import Member

POLL_S = 0.02
"""How often it is asked whether a full outbox has become emptier."""
PATIENCE_S = 1.0
"""A member whose connection took nothing for this long does not read: nobody waits for it any more."""


class Congestion:
    """The members of a room for whom much waits; nobody's message is taken while one of these still reads.

    So a burst slows its sender instead of overflowing the outboxes of those who read as fast as they can. A member
    that takes nothing for `PATIENCE_S` holds up nobody: its outbox fills until it is kicked.
    """

    def __init__(self) -> None:
        self._filling: dict[Member, tuple[int, float]] = {}  # the bytes that wait, and when they last became fewer
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._poll: asyncio.TimerHandle | None = None

    @property
    def is_full(self) -> bool:
        """Return whether who talks has to wait."""
        return not self._has_room.is_set()

    async def wait_for_room(self) -> None:
        """Wait until nobody who reads has a filling outbox."""
        await self._has_room.wait()

    def add(self, member: Member) -> None:
        """Wait for a member for whom much waits."""
        if member not in self._filling:
            self._filling[member] = member.buffered_bytes, asyncio.get_running_loop().time()
            self._has_room.clear()
            self._poll_later()

    def discard(self, member: Member) -> None:
        """Wait no longer for a member: it has gone."""
        if self._filling.pop(member, None) is not None and not self._filling:
            self._has_room.set()

    def _poll_later(self) -> None:
        if self._poll is None:
            self._poll = asyncio.get_running_loop().call_later(POLL_S, self._ask)

    def _ask(self) -> None:
        """Forget who keeps up again, and let talk go on if the others do not read."""
        self._poll = None
        now_s = asyncio.get_running_loop().time()
        reads = False
        for member, (last_bytes, since_s) in tuple(self._filling.items()):
            if member.outbox_share <= FILLING_SHARE:
                del self._filling[member]
                continue
            if member.buffered_bytes < last_bytes:
                since_s = now_s
            self._filling[member] = member.buffered_bytes, since_s
            reads |= now_s - since_s < PATIENCE_S
        if not reads:
            self._has_room.set()
        if self._filling:
            self._poll_later()
