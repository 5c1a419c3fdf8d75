"""Strategy `queue`: a room queue, one dispatcher, and for each member a queue and a sender."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping

from server.member import Member
from server.message import Broadcast
from server.strategies.base import Strategy
from server.telemetry import Counters

MEMBER_QUEUE_LIMIT = 4_096
"""Broadcasts that may wait for one member; a member that lets more pile up is kicked."""

# `None` in a queue ends the task that reads it.
BroadcastQueue = asyncio.Queue[Broadcast | None]


class QueueStrategy(Strategy):
    """A slow member delays itself only; once its queue is full it is kicked.

    The room queue needs no bound: the dispatcher waits for nobody, so it empties that queue whenever it runs.
    """

    name = "queue"

    def __init__(self, members: Mapping[str, Member], counters: Counters) -> None:
        super().__init__(members, counters)
        self._room_queue: BroadcastQueue = asyncio.Queue()
        self._member_queues: dict[Member, BroadcastQueue] = {}
        self._dispatcher = asyncio.create_task(self._dispatch())

    async def publish(self, broadcast: Broadcast) -> None:
        """Return at once; the dispatcher does the rest."""
        self._room_queue.put_nowait(broadcast)

    async def attend(self, member: Member, conversation: Coroutine[None, None, None]) -> None:
        """Run a member's two coroutines, receiver and sender, so that neither outlives the other."""
        queue = self._member_queues[member] = BroadcastQueue()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_to(member, queue))
                await conversation
                queue.put_nowait(None)
        finally:
            self._member_queues.pop(member, None)

    def close(self) -> None:
        """End the dispatcher once it has dispatched what is in the room queue."""
        self._room_queue.put_nowait(None)

    async def _dispatch(self) -> None:
        while (broadcast := await self._room_queue.get()) is not None:
            for member, queue in tuple(self._member_queues.items()):
                if queue.qsize() < MEMBER_QUEUE_LIMIT:
                    queue.put_nowait(broadcast)
                else:
                    self._kick(member)

    def _kick(self, member: Member) -> None:
        queue = self._member_queues.pop(member)
        self._counters.kicked += 1
        self._counters.dropped += queue.qsize() + 1
        member.kick()

    async def _send_to(self, member: Member, queue: BroadcastQueue) -> None:
        # A send fails only on a connection that is being closed, and that ends the receiver too.
        while (broadcast := await queue.get()) is not None and await member.send(broadcast.payload):
            self._counters.sent(broadcast, 1)
