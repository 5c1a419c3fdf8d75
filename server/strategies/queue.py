"""Strategy `queue`: a room queue, one dispatcher, and for each member a queue and a sender."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping

from server.member import Member
from server.message import Broadcast
from server.strategies.base import Strategy
from server.telemetry import Counters

ROOM_QUEUE_LIMIT = 16
"""Broadcasts that may wait in the room queue before publishers yield to the dispatcher."""

# `None` in a queue ends the task that reads it.
BroadcastQueue = asyncio.Queue[Broadcast | None]


class QueueStrategy(Strategy):
    """A slow member delays itself only; once too many bytes are in its queue it is kicked.

    The room queue stays short: the dispatcher never waits for a member, so it empties that queue whenever it runs.
    """

    name = "queue"

    def __init__(self, members: Mapping[str, Member], counters: Counters) -> None:
        super().__init__(members, counters)
        self._room_queue: BroadcastQueue = asyncio.Queue()
        self._member_queues: dict[Member, BroadcastQueue] = {}
        self._dispatcher = asyncio.create_task(self._dispatch())

    async def publish(self, broadcast: Broadcast) -> None:
        """Return at once, or in the next turn of the loop if the dispatcher is behind; it does the rest."""
        self._room_queue.put_nowait(broadcast)
        self.pending_bytes += len(broadcast.payload)
        if self._room_queue.qsize() > ROOM_QUEUE_LIMIT:
            await asyncio.sleep(0)

    async def attend(self, member: Member, conversation: Coroutine[None, None, None]) -> None:
        """Run a member's two coroutines, receiver and sender, so that neither outlives the other."""
        while not self._room_queue.empty():  # what was said before does not reach it
            if (broadcast := self._room_queue.get_nowait()) is not None:
                self._hand_out(broadcast)
        queue = self._member_queues[member] = BroadcastQueue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send_to(member, queue))
            try:
                await conversation
            finally:
                self._member_queues.pop(member, None)
                if member.kicked:
                    self._counters.dropped += queue.qsize()
                queue.put_nowait(None)

    def close(self) -> None:
        """End the dispatcher once it has dispatched what is in the room queue."""
        self._room_queue.put_nowait(None)

    async def _dispatch(self) -> None:
        while (broadcast := await self._room_queue.get()) is not None:
            self._hand_out(broadcast)

    def _hand_out(self, broadcast: Broadcast) -> None:
        self.pending_bytes -= len(broadcast.payload)
        for member, queue in tuple(self._member_queues.items()):
            queue.put_nowait(broadcast)
            member.queued_bytes += len(broadcast.payload)
            if member.outbox_share > 1:
                del self._member_queues[member]
                member.kick()

    async def _send_to(self, member: Member, queue: BroadcastQueue) -> None:
        # A send fails only on a connection that is being closed, and that ends the receiver too.
        while (broadcast := await queue.get()) is not None:
            member.queued_bytes -= len(broadcast.payload)
            if not await member.send(broadcast.payload):
                break
            self._counters.sent(broadcast, 1)
