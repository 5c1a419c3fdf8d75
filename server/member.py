"""One user's connection, as a room sees it."""

from __future__ import annotations

from starlette.websockets import WebSocket

from server.plain_connection import PlainConnection
from server.protocol import EXTENSION, ChatProtocol


class Member:
    """A user in a room, from its handshake on.

    `accept` completes the handshake. `receive` returns the next text, or `None` when the user has gone. `send` writes
    the payload of a text frame, once there is room, and returns whether the user was still there. `frames` takes
    ready frames; it is `None` where the server is not ours. `queued_bytes` is what a strategy has queued for this
    member, if it does.
    """

    __slots__ = ("_connection", "accept", "frames", "name", "queued_bytes", "receive", "send")

    def __init__(self, name: str, websocket: WebSocket) -> None:
        self.name = name
        self.queued_bytes = 0
        self.frames: ChatProtocol | None = websocket.scope.get("extensions", {}).get(EXTENSION)
        self._connection = self.frames or PlainConnection(websocket)
        # The connection's own methods rather than wrappers: some are called for every message and delivery.
        self.accept = self._connection.accept
        self.receive = self._connection.receive_text
        self.send = self._connection.send_text

    def kick(self) -> None:
        """End the connection: at once if the member does not read, else with close code 1013 (try again later)."""
        self._connection.kick()

    @property
    def kicked(self) -> bool:
        """Return whether the member was kicked, by the strategy or because its connection was too slow."""
        return self._connection.kicked

    @property
    def is_open(self) -> bool:
        """Return whether the connection has not ended yet, for strategies in which a failed send is expensive."""
        return self._connection.is_open

    @property
    def is_behind(self) -> bool:
        """Return whether more waits for this member than `--outbox-bytes` while its connection takes nothing."""
        return self._connection.is_behind(self.queued_bytes)

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for this member, the kernel's buffer not counted."""
        return self.queued_bytes + self._connection.buffered_bytes
