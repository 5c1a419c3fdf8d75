"""The WebSocket connection: uvicorn's protocol with shorter paths for messages, and a close that never hangs."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from server.config import ChatConfig
from server.frames import count_frames
from server.kernel import has_hung_up, unacknowledged_bytes
from server.reading import PeerReader

EXTENSION = "chatroom.frames"
"""The ASGI extension by which an application finds the `ChatProtocol` behind its WebSocket."""

CLOSE_GRACE_S = 2.0
"""How long a peer has to read its close frame and hang up before its connection is aborted."""

SLOW_CHECKS = 10
"""How often in `--slow-after` a full connection is asked whether its peer reads."""
SLOW_CHECK_S = 0.25
"""At least so often."""
READING_BYTES = 65_536
"""A peer that takes this much in `--slow-after` is not kicked although its connection stays full."""
HANG_UP_POLL_S = 0.1
"""How often a peer that is not read from is asked whether it has hung up."""

Outlets = dict["ChatProtocol", Callable[[bytes], None]]
"""How to write ready frames to each of several peers, at this moment."""


class ChatProtocol(PeerReader):
    """One member's connection, which the application finds in its scope as the extension `chatroom.frames`.

    **Writing.** A strategy that writes ready frames attaches a table, in which it finds how to write to this peer: the
    transport's own method as long as the peer keeps up. While the transport's buffer is full, frames are held here
    instead; when the connection ends, they are discarded. So the writer need not check the state of each member.
    `send_text` makes the frame itself, and waits.

    **Slow peers.** A peer is kicked once more than `outbox_bytes` wait for it, or its transport's buffer was full
    for `slow_after_s` seconds in which it took less than `READING_BYTES`.

    **Closing.** uvicorn closes a connection once its write buffer is empty: never, if the peer does not read. And it
    does not read what the peer still sends, so the kernel resets the connection and the peer may lose the close
    frame. Here a peer has `CLOSE_GRACE_S` seconds from the close frame on, and is read until then.
    """

    _outlets: Outlets | None = None
    is_open = True
    kicked = False
    _held_bytes = 0
    _slow_timer: TimerHandle | None = None
    _slow_bytes = 0
    _slow_since_s = 0.0
    _unsent_bytes = 0
    _read_at_s = 0.0
    _waiting_until: asyncio.Future[None] | None = None

    def __init__(
        self,
        config: ChatConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._held: list[bytes] = []

    def handle_connect(self, event: Request) -> None:
        """Offer the extension along with the application's scope."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            # In time: the application's task, just created, starts in the next turn of the loop.
            self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]

    async def accept(self) -> None:
        """Accept the handshake, and free what is no longer needed: an idle connection should cost little."""
        await self.receive()
        await self.send({"type": "websocket.accept"})
        self.scope.clear()  # type: ignore[attr-defined]
        self.request.headers.clear()
        self.response.headers.clear()
        if self._unparsed is not None:
            self.read_on()

    async def receive_text(self) -> str | None:
        """Return the peer's next text, which may be empty, or `None` when it has gone.

        While a peer does not read, nothing more is taken from it, so nobody can flood a room faster than it reads the
        room itself. A binary message ends the connection with code 1003.
        """
        event = await self.receive()
        text = event.get("text")
        if isinstance(text, str):
            if not self.writable.is_set():
                await self._drain()
            return text
        if event["type"] == "websocket.receive":
            self.close(CloseCode.UNSUPPORTED_DATA)
        return None

    # Writing

    async def send(self, message: ASGISendEvent) -> None:
        """Answer the handshake, with `websocket.accept` or an HTTP denial; frames do not go through here."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # A denial completes the handshake. uvicorn logs an error if it finds otherwise.
            self.handshake_complete = True
            self._hang_up()

    async def wait(self, until: asyncio.Future[None]) -> bool:
        """Wait for a future, or for the peer to hang up; return whether it is still there."""
        self._waiting_until = until
        try:
            while self.is_open and not until.done():
                await asyncio.wait({until}, timeout=HANG_UP_POLL_S)
                if self.read_paused and self.is_open and has_hung_up(self.transport):
                    self.eof_received()
        finally:
            self._waiting_until = None
        return self.is_open

    async def send_text(self, payload: bytes) -> bool:
        """Write one text frame once the write buffer has room; return whether the peer was still there.

        Does what an ASGI `websocket.send` does, but without the layers of Starlette and FastAPI above it,
        without a dict and an encoding for each member, and without an exception for a peer that has gone.
        """
        waited = not self.writable.is_set()
        if waited:
            await self._drain()
        if not self.is_open or self.transport.is_closing():
            self.config.counters.dropped += self.kicked and waited
            return False
        self.conn.send_text(payload)
        self.transport.write(b"".join(self.conn.data_to_send()))
        return True

    async def _drain(self) -> None:
        """Wait until the peer keeps up again. The end of the connection ends the wait, too."""
        while not self.writable.is_set():
            await self.writable.wait()

    def attach(self, outlets: Outlets) -> None:
        """Keep in `outlets`, and in no other table, how to write ready frames to this peer from now on."""
        self.detach()
        self._outlets = outlets
        if not self.is_open:
            outlets[self] = _discard
        elif self.writable.is_set():
            outlets[self] = self.transport.write
        else:
            outlets[self] = self._hold

    def detach(self) -> None:
        """Take this peer out of the table again; what is held for it still goes out."""
        if self._outlets is not None:
            del self._outlets[self]
            self._outlets = None

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for this peer, the kernel's buffer not counted."""
        return self._held_bytes + self.transport.get_write_buffer_size()

    @property
    def waiting_bytes(self) -> int:
        """Return the same, but 0 while the transport can be written to: then nothing is held back."""
        return 0 if self.writable.is_set() else self.buffered_bytes

    def outbox_share(self, queued_bytes: int = 0) -> float:
        """Return how much of `--outbox-bytes` waits for this peer, including what is queued for it elsewhere.

        It is 0 for a peer that the transport can write to: what is queued leaves in this turn of the loop.
        """
        if self.writable.is_set():
            return 0.0
        return (self.buffered_bytes + queued_bytes) / self.config.outbox_bytes

    def pause_writing(self) -> None:
        """Hold frames back from now on, for `slow_after_s` at most."""
        super().pause_writing()
        if self.is_open:
            self._write_by(self._hold)
            self._slow_since_s = self._read_at_s = self.loop.time()
            self._slow_bytes = self.transport.get_write_buffer_size()
            self._unsent_bytes = self._slow_bytes + unacknowledged_bytes(self.transport)
            self._check_later()

    def resume_writing(self) -> None:
        """Write the frames that were held back."""
        super().resume_writing()
        if self.is_open:
            held = b"".join(self._held)
            self._stop_holding(self.transport.write)
            self.transport.write(held)

    def _hold(self, frames: bytes) -> None:
        self._held.append(frames)
        self._held_bytes += len(frames)
        if self.outbox_share() > 1:
            self.kick()

    def _check_later(self) -> None:
        check_s = min(self.config.slow_after_s / SLOW_CHECKS, SLOW_CHECK_S)
        self._slow_timer = self.loop.call_later(check_s, self._check_pace)

    def _check_pace(self) -> None:
        """Kick a peer that takes too little of what is in its full buffer."""
        now_s, waiting_bytes = self.loop.time(), self.transport.get_write_buffer_size()
        if self._slow_bytes - waiting_bytes >= READING_BYTES:
            self._slow_since_s, self._slow_bytes = now_s, waiting_bytes
        self.unread_s()
        if now_s - self._slow_since_s >= self.config.slow_after_s:
            self.kick()
        else:
            self._check_later()

    def unread_s(self, _queued_bytes: int = 0) -> float:
        """Return how many seconds ago the peer was last seen to take something, 0 while its connection is not full.

        A full buffer is not added to, so that any byte less in it, or in the kernel's, has been taken.
        """
        if self.writable.is_set():
            return 0.0
        unsent_bytes, now_s = (
            self.transport.get_write_buffer_size() + unacknowledged_bytes(self.transport),
            self.loop.time(),
        )
        if unsent_bytes < self._unsent_bytes:
            self._unsent_bytes, self._read_at_s = unsent_bytes, now_s
        return now_s - self._read_at_s

    def _write_by(self, write: Callable[[bytes], None]) -> None:
        if self._outlets is not None:
            self._outlets[self] = write

    def _stop_holding(self, write: Callable[[bytes], None]) -> None:
        """Write by this function from now on, with nothing held and no timer."""
        self._write_by(write)
        self._held.clear()
        self._held_bytes = 0
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None

    # Closing

    def kick(self) -> None:
        """End the connection of a peer that is too slow; one whose buffer is empty gets a close frame (1013)."""
        if not self.is_open:
            return
        self.kicked = True
        self.config.counters.dropped += sum(map(count_frames, self._held))
        if self.transport.get_write_buffer_size():
            self._end()
            self.transport.abort()
        else:
            self.close(CloseCode.TRY_AGAIN_LATER)

    def close(self, code: CloseCode) -> None:
        """Send a close frame, tell the application, and give the peer the grace time to answer."""
        if not self.is_open:
            return
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

    def handle_parser_exception(self) -> None:
        """Tell the peer which rule it broke (1009: message too large)."""
        assert self.conn.close_sent is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
        self._write_close_frame()
        if self.transport.can_write_eof():  # not with TLS
            self.transport.write_eof()

    def handle_close(self, event: Frame) -> None:
        """End the connection at the peer's close frame."""
        super().handle_close(event)
        self._hang_up()

    def eof_received(self) -> None:
        """End the connection of a peer that hung up without a close frame, whatever still waits for it."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.ABNORMAL_CLOSURE})
        self._hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Discard what is still written to this peer."""
        self._end()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        """End a connection whose peer does not answer a ping, and either does not read or says nothing at all.

        Any other peer may well have answered: the answer waits, unread, behind a message that the application
        has not taken yet or has just taken, for instance because another member holds up the broadcast.
        """
        if self.writable.is_set() and (self.read_paused or self.taken_at_s >= self.ping_sent_at):
            self.pong_timer = None
            self.schedule_ping()
        else:
            super().keepalive_timeout()
            self._hang_up()

    def _write_close_frame(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_on()
        self._hang_up()

    def _hang_up(self) -> None:
        """Abort the connection after the grace time, which also wakes who waits for its write buffer."""
        self._end()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_GRACE_S, self.transport.abort)

    def _end(self) -> None:
        self.is_open = False
        if self._waiting_until is not None:
            self._waiting_until.cancel()
        self._stop_holding(_discard)


def _discard(_frames: bytes) -> None:
    """Write nothing: the connection has ended or is about to."""
