"""Whether the members of a room keep up with what is said there: who talks has to wait for who reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic

from server.member import Member
from server.pace import TokenBucket
from server.settings import Settings

POLL_S = 0.01
"""How often who has to wait asks whether there is room now."""
PATIENCE_S = 0.5
"""A member that has taken nothing for so long does not read: only who talks much waits for it any longer."""
FILLED_SHARE = 0.5
"""So much of `--outbox-bytes` may be filled with messages, also by a member who talks much."""
FULL_SHARE = 0.75
"""So much by all others. The rest is for notices, which do not wait."""
MUCH_SHARE = 0.5
"""A member talks much if it says more than this at once..."""
MUCH_A_SECOND = 1.0
"""...beyond this share a second, while it does not wait. So one member alone fills the outbox of who does not read."""
EMPTY_SHARE = 0.125
"""Outboxes that are filled less than this are almost empty: then nobody has said much."""

Queue = deque[asyncio.Future[None]]


class Congestion:
    """Takes a message only if it fits into the outbox of every member who reads; else its sender waits, in a queue.

    Messages count as their encoded bytes, including those that the strategy has not handed over yet (`pending_bytes`).
    A member that has stopped reading holds up only who talks much, and for `slow_after_s` at most; what the others say
    may overflow its outbox. So a flood neither overflows the outbox of a member who pauses for a moment, nor can it
    stop a room together with one who never reads.
    """

    def __init__(self, members: Mapping[str, Member], settings: Settings, pending_bytes: Callable[[], int]) -> None:
        self._members = members
        self._slow_after_s = settings.slow_after_s
        self._filled_bytes, self._full_bytes, self._much_bytes, self._much_bytes_per_s, self._empty_bytes = (
            share * settings.outbox_bytes
            for share in (FILLED_SHARE, FULL_SHARE, MUCH_SHARE, MUCH_A_SECOND, EMPTY_SHARE)
        )
        self._pending_bytes = pending_bytes
        self._spare_bytes = 0.0  # fit into every outbox for certain, whatever the members read
        self._credits: dict[Member, TokenBucket] = {}  # what each member may say without talking much
        self._queues: tuple[Queue, Queue] = deque(), deque()  # of those who do not talk much, and of those who do

    def takes(self, member: Member, size_bytes: int) -> bool:
        """Take a message if it fits at once; this looks at the outboxes only if enough was said since the last look."""
        if self._queue_of(member, size_bytes) or (
            size_bytes > self._spare_bytes and not self._fits(member, size_bytes)
        ):
            return False
        self._take(member, size_bytes)
        return True

    async def wait_for_room(self, member: Member, size_bytes: int) -> bool:
        """Take a message once it fits and those before it are taken; return whether its sender was still there.

        Publish it before the next `await`: then the next one in the queue is let through.
        """
        turn, queue = asyncio.get_running_loop().create_future(), self._queue_of(member, size_bytes)
        began_s = monotonic()
        queue.append(turn)
        try:
            if queue[0] is not turn and not await member.wait(turn):
                return False
            while not self._fits(member, size_bytes):
                if not await member.pause(POLL_S):
                    return False
            self._take(member, size_bytes, monotonic() - began_s)
            return True
        finally:
            queue.remove(turn)
            if queue and not queue[0].done():
                queue[0].set_result(None)

    def discard(self, member: Member) -> None:
        """Forget a member that has gone."""
        self._credits.pop(member, None)

    def _talks_much(self, member: Member, size_bytes: int) -> bool:
        credit = self._credits.get(member)
        return credit is not None and size_bytes > credit.level

    def _queue_of(self, member: Member, size_bytes: int) -> Queue:
        return self._queues[self._talks_much(member, size_bytes)]

    def _take(self, member: Member, size_bytes: int, waited_s: float = 0.0) -> None:
        self._spare_bytes -= size_bytes
        now_s, credit = monotonic(), self._credits.get(member)
        if credit is None:
            credit = self._credits[member] = TokenBucket.full(self._much_bytes_per_s, self._much_bytes, now_s)
        else:
            credit.fill(now_s - waited_s)
            credit.filled_s = now_s  # who waited gets nothing for that time
        credit.level -= size_bytes

    def _fits(self, sender: Member, size_bytes: int) -> bool:
        """Look at all outboxes: whether a message fits into each that counts, or finds them all empty."""
        talks_much = self._talks_much(sender, size_bytes)
        limit_bytes = self._filled_bytes if talks_much else self._full_bytes
        patience_s = self._slow_after_s if talks_much else PATIENCE_S
        pending_bytes = self._pending_bytes()
        if pending_bytes and pending_bytes + size_bytes > limit_bytes:
            return False
        fullest_bytes = 0
        for member in self._members.values():
            waiting_bytes = member.waiting_bytes
            fullest_bytes = max(fullest_bytes, waiting_bytes)
            is_full = waiting_bytes and waiting_bytes + pending_bytes + size_bytes > limit_bytes
            if is_full and member.unread_s < patience_s:
                return False
        if fullest_bytes + pending_bytes < self._empty_bytes:
            self._credits.clear()
        self._spare_bytes = self._filled_bytes - pending_bytes - fullest_bytes
        return True
