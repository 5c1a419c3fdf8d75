"""Strategy `coalesced`: one frame for all members, one write a member for all broadcasts of one loop turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from itertools import repeat
from operator import call
from time import monotonic

from server.frames import text_frame
from server.member import Member
from server.message import Broadcast
from server.protocol import Outlets
from server.strategies.base import Strategy
from server.telemetry import Counters

FLUSH_BYTES = 262_144
"""Above this, flush before the turn ends, so that one turn alone does not fill an outbox."""

MAX_REST_S = 0.001
"""Without a bound a longer flush would make for a longer rest, a larger batch, and an even longer flush."""


class CoalescedStrategy(Strategy):
    """Broadcasts wait for the end of the event loop's turn, then leave together.

    After a flush the room rests for as long as the flush took, at most `MAX_REST_S` and in uvloop's whole
    milliseconds, so that one of less than half a millisecond is followed by none: what comes meanwhile shares
    the next one, so that a busy room has fewer and larger writes, and an idle one waits for nothing.
    All members see one order. A slow member delays nobody: its connection holds frames back and kicks it in the end.
    """

    name = "coalesced"

    def __init__(self, members: Mapping[str, Member], counters: Counters) -> None:
        super().__init__(members, counters)
        self._loop = asyncio.get_running_loop()
        self._outlets: Outlets = {}
        self._plain_members: set[Member] = set()
        self._pending: list[Broadcast] = []
        self._pending_frames: list[bytes] = []
        self.pending_bytes = 0
        self._rested_s = 0.0
        self._due: asyncio.TimerHandle | None = None

    async def publish(self, broadcast: Broadcast) -> None:
        """Return at once, unless members have a `PlainConnection`: these are sent their copies here."""
        if not self._pending:
            self._due = self._loop.call_later(max(0.0, self._rested_s - monotonic()), self._flush)
        frame = text_frame(broadcast.payload)
        self._pending.append(broadcast)
        self._pending_frames.append(frame)
        self.pending_bytes += len(frame)
        if self.pending_bytes > FLUSH_BYTES:
            self._flush()
        for member in tuple(self._plain_members):
            self._counters.sent(broadcast, await member.send(broadcast.payload))

    async def attend(self, member: Member, conversation: Coroutine[None, None, None]) -> None:
        """Write to a member from its join on: what was said before is flushed without it."""
        self._flush()
        if member.frames is None:
            self._plain_members.add(member)
        else:
            member.frames.attach(self._outlets)
        try:
            await conversation
        finally:
            if member.frames is None:
                self._plain_members.remove(member)
            else:
                member.frames.detach()

    def _flush(self) -> None:
        """Write what is pending to every member: the hot path, a loop in C over calls into C."""
        if not self._pending:
            return
        if self._due:
            self._due.cancel()  # this flush came before it, and it would cut short the rest that begins here
        frames, broadcasts = b"".join(self._pending_frames), self._pending
        self._pending, self._pending_frames, self.pending_bytes = [], [], 0
        began_s = monotonic()
        deque(map(call, self._outlets.values(), repeat(frames)), maxlen=0)
        ended_s = monotonic()
        self._rested_s = ended_s + min(ended_s - began_s, MAX_REST_S)
        for broadcast in broadcasts:
            self._counters.sent(broadcast, len(self._outlets))
