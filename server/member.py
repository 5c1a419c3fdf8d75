"""One user's connection, as a room sees it."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket
from websockets.frames import CloseCode

from server.plain_connection import PlainConnection
from server.protocol import EXTENSION, ChatProtocol


class Member:
    """A user in a room, from its handshake on.

    `accept` completes the handshake. `receive` returns the next text, or `None` when the user has gone. `send` writes
    the payload of a text frame, once there is room, and returns whether the user was still there. `frames` takes
    ready frames; it is `None` where the server is not ours. `wait` waits for a future, or until the user has gone, and
    returns whether it is still there. `queued_bytes` is what a strategy has queued for this member, if it does.
    """

    __slots__ = ("_connection", "accept", "frames", "name", "queued_bytes", "receive", "send", "wait")

    def __init__(self, name: str, websocket: WebSocket) -> None:
        self.name = name
        self.queued_bytes = 0
        self.frames: ChatProtocol | None = websocket.scope.get("extensions", {}).get(EXTENSION)
        self._connection = self.frames or PlainConnection(websocket)
        # The connection's own methods rather than wrappers: some are called for every message and delivery.
        self.accept = self._connection.accept
        self.receive = self._connection.receive_text
        self.send = self._connection.send_text
        self.wait = self._connection.wait

    async def pause(self, pause_s: float) -> bool:
        """Wait for so many seconds, or until the user has gone; return whether it is still there."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(pause_s, over.cancel)
        try:
            return await self.wait(over)
        finally:
            timer.cancel()

    def kick(self) -> None:
        """End the connection: at once if the member does not read, else with close code 1013 (try again later)."""
        self._connection.kick()

    def close(self, code: CloseCode) -> None:
        """End the connection with a close frame."""
        self._connection.close(code)

    @property
    def kicked(self) -> bool:
        """Return whether the member was kicked, by the strategy or because its connection was too slow."""
        return self._connection.kicked

    @property
    def is_open(self) -> bool:
        """Return whether the connection has not ended yet, for strategies in which a failed send is expensive."""
        return self._connection.is_open

    @property
    def has_messages(self) -> bool:
        """Return whether the next text is there already."""
        return self._connection.has_messages

    @property
    def outbox_share(self) -> float:
        """Return how much of `--outbox-bytes` waits for this member: above 1 it is to be kicked.

        It is 0 while its connection takes what it is given: then all that is queued leaves in this turn of the loop.
        """
        return self._connection.outbox_share(self.queued_bytes)

    @property
    def waiting_bytes(self) -> int:
        """Return how much of this member's outbox is taken, 0 if its connection takes all that it is given."""
        return self.queued_bytes + self._connection.waiting_bytes

    @property
    def unread_s(self) -> float:
        """Return how many seconds ago this member was last seen to take something, 0 if nothing has to wait for it."""
        return self._connection.unread_s(self.queued_bytes)

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for this member, the kernel's buffer not counted."""
        return self.queued_bytes + self._connection.buffered_bytes
