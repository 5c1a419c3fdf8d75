"""The reading half of a WebSocket connection: how much of what a peer sends is parsed, and kept, at a time."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame

from server.config import ChatConfig
from server.inbox import Inbox
from server.refusal import http_refusal

READ_AHEAD_BYTES = 65_536
"""How much is read from a peer before the application takes it, as an `Inbox` counts; then reading pauses.

uvicorn stops and starts reading at every message, which costs two system calls each.
"""

SLICE_BYTES = 1_024
"""How much is parsed before asking again whether the peer has had its turn: at most 170 empty frames."""
COMPRESSED_SLICE_BYTES = 256
"""The same with permessage-deflate, where 86 bytes may be a message of 64 KiB."""
MAX_SLICE_BYTES = 65_536
"""Slices double up to this while they hold few frames: a big message is parsed in few steps."""
FEW_FRAMES = 8
FRAMES_A_TURN = 64
"""After so many frames of one peer, parsing goes on in the next turn of the loop, after everybody else."""

CONTROL_FRAMES_A_SECOND = 200
"""A peer that sends more pings and pongs is closed with code 1008."""
FRAGMENT_BYTES = 64
"""A fragment counts as at least this towards `--max-message-bytes`, so that empty ones cannot go on for ever."""


class PeerReader(WebSocketsSansIOProtocol):
    """Reads from a peer as much as the application takes, and no more at a time than leaves others their turn.

    What a read brought beyond that waits unparsed, while the transport does not read on. A subclass closes (`close`,
    `handle_parser_exception`).
    """

    config: ChatConfig
    queue: Inbox  # type: ignore[assignment]  # has the part of asyncio.Queue that uvicorn uses

    _unparsed: bytearray | None = None
    _parsing: asyncio.Handle | None = None
    _parsed_frames = 0
    _fragment_bytes = 0
    _control_since_s = 0.0
    _control_frames = 0
    _pong = b""
    taken_at_s = 0.0

    def __init__(
        self,
        config: ChatConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.queue = Inbox()

    @property
    def has_messages(self) -> bool:
        """Return whether a message waits to be taken."""
        return self.queue.size > 0

    def data_received(self, data: bytes) -> None:
        """Parse what the peer sends, now or after what waits; drop it once the peer has broken the rules.

        What it sends before its handshake is answered waits for that: an answer to it must not come first.
        """
        if self._awaits_answer:
            self._unparsed = (self._unparsed or bytearray()) + data
            if len(self._unparsed) > READ_AHEAD_BYTES:
                self._pause_or_resume()
        elif self._unparsed is not None:
            self._unparsed += data
        elif len(data) <= SLICE_BYTES and not self.conn.extensions:
            self._parse(data)
        else:
            self._unparsed = bytearray(data)
            self._parse_for_a_turn()

    def handle_events(self) -> None:
        """Count the frames, and act on each."""
        self._parsed_frames += len(self.conn.events)
        super().handle_events()

    @property
    def _awaits_answer(self) -> bool:
        """Return whether the peer's handshake has come and is not answered."""
        return self.handshake_initiated and not self.handshake_complete

    def _parse(self, data: bytes) -> None:
        if self._has_broken_rules():
            return
        self.conn.receive_data(data)
        self.handle_events()  # also those before what breaks the rules
        if self.conn.parser_exc is not None and not self.close_sent:
            self.handle_parser_exception()
        if self._has_broken_rules() and not self.handshake_complete:
            self._refuse_handshake()

    def _has_broken_rules(self) -> bool:
        return self.conn.parser_exc is not None or self.conn.handshake_exc is not None

    def _parse_for_a_turn(self) -> None:
        """Parse what waits until the peer has had its turn, or the inbox is full; the rest goes on waiting."""
        self._parsing = None
        unparsed, position, slice_bytes = self._unparsed, 0, self._first_slice_bytes
        if unparsed is None:
            return
        last_frame = self._parsed_frames + FRAMES_A_TURN
        while position < len(unparsed) and self._parsed_frames < last_frame and not self._is_inbox_full:
            frames = self._parsed_frames
            self._parse(bytes(unparsed[position : position + slice_bytes]))
            position += slice_bytes
            is_small = self._parsed_frames - frames < FEW_FRAMES
            slice_bytes = min(2 * slice_bytes, MAX_SLICE_BYTES) if is_small else self._first_slice_bytes
        del unparsed[:position]
        if not unparsed:
            self._unparsed = None
        elif not self._is_inbox_full:
            self._parsing = self.loop.call_soon(self._parse_for_a_turn)
        self._pause_or_resume()

    @property
    def _first_slice_bytes(self) -> int:
        return COMPRESSED_SLICE_BYTES if self.conn.extensions else SLICE_BYTES

    @property
    def _is_inbox_full(self) -> bool:
        """Return whether the application has to take messages first; it takes none once the connection is closing."""
        return self.queue.size > READ_AHEAD_BYTES and not self.close_sent

    def _pause_or_resume(self) -> None:
        """Have the transport read on exactly if nothing waits to be parsed and the inbox has room."""
        should_pause = self._unparsed is not None or self._is_inbox_full
        if should_pause == self.read_paused or self.transport.is_closing():
            return
        self.read_paused = should_pause
        if should_pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def read_on(self) -> None:
        """Parse what waits, or else read on, if the inbox has room."""
        if self._unparsed is None or self._is_inbox_full:
            self._pause_or_resume()
        elif self._parsing is None:
            self._parsing = self.loop.call_soon(self._parse_for_a_turn)

    async def receive(self) -> ASGIReceiveEvent:
        """Return the peer's next message, and note when the application took it."""
        event = await self.queue.get()
        self.taken_at_s = self.loop.time()
        if self.read_paused:
            self.read_on()
        return event

    def connection_lost(self, exc: Exception | None) -> None:
        """Discard what was not parsed."""
        self._unparsed = None
        if self._parsing is not None:
            self._parsing.cancel()
            self._parsing = None
        super().connection_lost(exc)

    # Messages

    def send_receive_event_to_app(self) -> None:
        """Put the peer's message into the inbox, and stop reading once too much waits there."""
        data = b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        else:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA)
                return
            self.queue.put_nowait({"type": "websocket.receive", "text": text})
        if self.queue.size > READ_AHEAD_BYTES and not self.read_paused:
            self._pause_or_resume()

    def handle_text(self, event: Frame) -> None:
        """Begin a text."""
        self._fragment_bytes = len(event.data)
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Begin a binary message."""
        self._fragment_bytes = len(event.data)
        super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """Continue a message, as far as its fragments are not too many."""
        if self.close_sent:
            return
        self._fragment_bytes += max(len(event.data), FRAGMENT_BYTES)
        if self._fragment_bytes > self.config.ws_max_size:
            self._fail(CloseCode.MESSAGE_TOO_BIG)
        else:
            super().handle_cont(event)

    # Control frames

    def handle_ping(self) -> None:
        """Answer pings, unless a message that came along with them broke the rules and ended the connection.

        While the peer does not read, only the latest answers are kept (RFC 6455, section 5.5.3).
        """
        if self._is_within_control_rate():
            pongs = b"".join(self.conn.data_to_send())
            if self.writable.is_set():
                self.transport.write(pongs)
            elif pongs:
                self._pong = pongs

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping of ours."""
        if self._is_within_control_rate():
            super().handle_pong(event)

    def resume_writing(self) -> None:
        """Send the latest answer to a ping, which the peer could not take before."""
        super().resume_writing()
        if self._pong and not self.close_sent:
            self.transport.write(self._pong)
        self._pong = b""

    def _is_within_control_rate(self) -> bool:
        """Count a control frame, and close the connection of a peer that sends too many."""
        if self.close_sent or self._has_broken_rules():
            return False
        now_s = self.loop.time()
        if now_s - self._control_since_s >= 1:
            self._control_since_s, self._control_frames = now_s, 0
        self._control_frames += 1
        if self._control_frames <= CONTROL_FRAMES_A_SECOND:
            return True
        self.close(CloseCode.POLICY_VIOLATION)
        return False

    # What breaks the rules

    def close(self, code: CloseCode) -> None:
        """Close the connection."""
        raise NotImplementedError

    def _fail(self, code: CloseCode) -> None:
        """End the connection of a peer that broke a rule."""
        self.conn.fail(code)
        self.handle_parser_exception()

    def _refuse_handshake(self) -> None:
        """Answer an upgrade that is not one: a line or a header too many or too long, a body, another method."""
        answer = b"".join(self.conn.data_to_send()) or http_refusal(HTTPStatus.BAD_REQUEST)
        self.handshake_complete = self.close_sent = True
        self.transport.write(answer)
        self.transport.close()
