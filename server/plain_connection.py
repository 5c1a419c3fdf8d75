"""A connection under an ASGI server without our extension."""

from __future__ import annotations

import asyncio
from time import monotonic

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected
from websockets.frames import CloseCode

from server.settings import Settings


class PlainConnection:
    """Takes the place of `ChatProtocol` under any other server: the room works, but without `--slow-after`.

    ASGI does not expose buffers and cannot abort a connection, so the server decides how long a slow member is waited
    for.
    """

    buffered_bytes = waiting_bytes = 0
    has_messages = False  # ASGI does not tell
    is_open = True
    kicked = False

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.accept = websocket.accept
        self._queued_bytes = 0
        self._read_at_s = monotonic()
        self._closing: asyncio.Task[None] | None = None

    async def receive_text(self) -> str | None:
        """Return the peer's next text, or `None` when it has gone or sent something else."""
        event = await self._websocket.receive()
        text = event.get("text")
        if isinstance(text, str):
            return text
        if event["type"] == "websocket.receive":
            await self._websocket.close(CloseCode.UNSUPPORTED_DATA)
        return None

    async def send_text(self, payload: bytes) -> bool:
        """Send one text; return whether the peer was still there."""
        try:
            await self._websocket.send_text(payload.decode())
        except (WebSocketDisconnect, WebSocketDisconnected):
            return False
        return True

    def outbox_share(self, queued_bytes: int) -> float:
        """Return how much of the default of `--outbox-bytes` is queued for this peer."""
        return queued_bytes / Settings().outbox_bytes

    def unread_s(self, queued_bytes: int) -> float:
        """Return how many seconds ago less was seen to be queued for this peer than before."""
        if queued_bytes < self._queued_bytes or not queued_bytes:
            self._read_at_s = monotonic()
        self._queued_bytes = queued_bytes
        return monotonic() - self._read_at_s

    async def wait(self, until: asyncio.Future[None]) -> bool:
        """Wait for a future; whether the peer has gone meanwhile, ASGI tells only once its messages are taken."""
        await asyncio.wait({until})
        return True

    def kick(self) -> None:
        """Close because the peer is too slow, as soon as the server can."""
        self.kicked = True
        self.close(CloseCode.TRY_AGAIN_LATER)

    def close(self, code: CloseCode) -> None:
        """Close, as soon as the server can."""
        self._closing = asyncio.create_task(self._websocket.close(code))
