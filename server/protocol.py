"""The WebSocket connection: uvicorn's protocol with a short way out and an end that never hangs."""

from __future__ import annotations

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

CLOSE_GRACE_S = 2.0
"""How long a peer has to read its close frame and hang up before its connection is cut."""


class ChatProtocol(WebSocketsSansIOProtocol):
    """One member's connection, which the application finds as `websocket.state.connection`.

    uvicorn closes a connection once its write buffer is empty: never, if the peer does not read. And it
    does not read what the peer still sends, upon which the kernel resets the connection and the peer may lose
    the close frame. Here a peer has `CLOSE_GRACE_S` seconds from the close frame on, and is read until then.
    """

    _taken_at_s = 0.0

    def handle_connect(self, event: Request) -> None:
        """Hand the connection to the application along with its scope."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            # In time: the application's task, just created, starts in the next turn of the loop.
            self.scope["state"]["connection"] = self

    async def receive(self) -> ASGIReceiveEvent:
        """Return the peer's next message, and note when the application took it."""
        event = await super().receive()
        self._taken_at_s = self.loop.time()
        return event

    async def send(self, message: ASGISendEvent) -> None:
        """Answer the handshake, with `websocket.accept` or an HTTP denial; frames take `send_text`."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # A denial completes the handshake. uvicorn logs an error if it finds otherwise.
            self.handshake_complete = True

    async def send_text(self, payload: bytes) -> bool:
        """Write one text frame once the write buffer has room; return whether the peer was still there.

        Does what an ASGI `websocket.send` does, but without the layers of Starlette and FastAPI above it,
        without a dict and an encoding for each member, and without an exception for a peer that has gone.
        """
        if not self.writable.is_set():
            await self.writable.wait()
        if self.close_sent or self.transport.is_closing():
            return False
        self.conn.send_text(payload)
        self.transport.write(b"".join(self.conn.data_to_send()))
        return True

    def close(self, code: CloseCode) -> None:
        """Send a close frame, tell the application, and give the peer the grace time to answer."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.conn.send_close(code)
        self._write_close_frame()

    def shutdown(self) -> None:
        """Close because the server stops; uvicorn calls this for every connection."""
        self.stop_keepalive()
        if self.handshake_complete and not self.close_sent and not self.transport.is_closing():
            self.close(CloseCode.SERVICE_RESTART)
        elif not self.transport.is_closing():
            super().shutdown()
            self._hang_up()

    def data_received(self, data: bytes) -> None:
        """Read what the peer sends; drop it once the peer has broken the rules."""
        if self.conn.parser_exc is None:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Tell the peer which rule it broke (1009: message too large)."""
        assert self.conn.close_sent is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
        self._write_close_frame()
        self.transport.write_eof()

    def handle_close(self, event: Frame) -> None:
        """End the connection at the peer's close frame."""
        super().handle_close(event)
        self._hang_up()

    def keepalive_timeout(self) -> None:
        """End a connection whose peer does not answer a ping, and either does not read or says nothing at all.

        Any other peer may well have answered: the answer waits, unread, behind a message that the application
        has not taken yet or has just taken, for instance because another member holds up the broadcast.
        """
        if self.writable.is_set() and (self.read_paused or self._taken_at_s >= self.ping_sent_at):
            self.pong_timer = None
            self.schedule_ping()
        else:
            super().keepalive_timeout()
            self._hang_up()

    def _write_close_frame(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._hang_up()

    def _hang_up(self) -> None:
        """Cut the connection after the grace time, which also frees whoever waits for its write buffer."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_GRACE_S, self.transport.abort)
