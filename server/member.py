"""One user's connection, as a room sees it."""

from __future__ import annotations

from websockets.frames import CloseCode

from server.protocol import ChatProtocol


class Member:
    """A user in a room, from its accepted handshake on."""

    __slots__ = ("_connection", "name", "send")

    def __init__(self, name: str, connection: ChatProtocol) -> None:
        self.name = name
        self._connection = connection
        # The connection's own method, not one that calls it: this is called for every delivery.
        self.send = self._connection.send_text

    async def receive(self) -> str | None:
        """Return the next text, which may be empty, or `None` when the user has gone.

        A binary frame ends the connection with code 1003.
        """
        event = await self._connection.receive()
        text = event.get("text")
        if isinstance(text, str):
            return text
        if event["type"] == "websocket.receive":
            self._connection.close(CloseCode.UNSUPPORTED_DATA)
        return None

    def kick(self) -> None:
        """Cut the connection at once, without a close frame: a member that does not read would not see it."""
        self._connection.transport.abort()

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait in the transport's write buffer, the kernel's buffer not counted."""
        return self._connection.transport.get_write_buffer_size()
