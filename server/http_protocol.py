"""The HTTP connection: uvicorn's protocol with limits for peers that send no complete request, or read no answer."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.config import ChatConfig
from server.refusal import http_refusal

REQUEST_LIMIT_S = 10.0
"""How long a request may take from its first byte, or from the connection's first moment, to its last byte.

For as long may answers wait for a peer that does not read them.
"""
MAX_REQUEST_BYTES = 65_536
"""How long a request may be, its body included: none that is answered here has one. h11 allows 16 KiB of headers."""
HANG_UP_LIMIT_S = 2.0
"""How long a peer that is refused, or idle, or there when the server stops, has to read what is left and hang up."""


class ChatHttpProtocol(H11Protocol):
    """A connection until it is a WebSocket: who says nothing, never ends its request or does not read, does not stay.

    The limit of a request runs from the first byte to the last, so a trickle does not extend it. While it runs, and
    while answers wait for a peer that does not read them, the connection is one of `config.waiting`.
    """

    config: ChatConfig
    _late: TimerHandle | None = None
    _unread: TimerHandle | None = None
    _request_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what is not too much, until the request is complete."""
        if self.transport.is_closing():
            return
        if self._late is None:
            self._wait_for_request()
        self._request_bytes += len(data)
        if self._request_bytes > MAX_REQUEST_BYTES:
            self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over to the WebSocket protocol, with what the peer has sent along."""
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().handle_websocket_upgrade(event)
        protocol = self.transport.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        sent_along, _ = self.conn.trailing_data
        if sent_along:
            protocol.data_received(sent_along)
        if self.transport.is_closing():
            self._hang_up()

    def pause_writing(self) -> None:
        """Wait for the peer to read its answers, for a limited time."""
        super().pause_writing()
        self._cut_after(REQUEST_LIMIT_S)
        self.config.waiting.add(self)

    def resume_writing(self) -> None:
        """Go on answering: the peer reads."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_waiting_for_reader()

    def on_response_complete(self) -> None:
        """Wait for the next request, or, if the connection is closed, for the peer to read the rest."""
        super().on_response_complete()
        if self.transport.is_closing() and self._unread is None:
            self._cut_after(REQUEST_LIMIT_S)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is not used any more."""
        super().timeout_keep_alive_handler()
        self._hang_up()

    def shutdown(self) -> None:
        """Close because the server stops; a peer that does not read its answer is not waited for."""
        if self.flow.write_paused:
            self.transport.abort()
            return
        super().shutdown()
        if self.transport.is_closing():
            self._hang_up()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the answer has a text of its own
        """Answer what is no request; hang up on a peer that has had its answer already."""
        self.refuse(HTTPStatus.BAD_REQUEST)

    def refuse(self, status: HTTPStatus) -> None:
        """Answer with an error, unless an answer has begun, and hang up; who does not read is cut off."""
        self._stop_waiting()
        self._stop_waiting_for_reader()
        if self.transport.is_closing() or self.flow.write_paused:
            self.transport.abort()
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self.conn.our_state is h11.IDLE or (is_answering and not self.cycle.response_started):
            self.transport.write(http_refusal(status))
        if is_answering:
            self.cycle.disconnected = True  # it may have been about to answer
            self.cycle.message_event.set()
        self._hang_up()

    def _hang_up(self) -> None:
        """Close the connection; abort it if the peer does not read the rest in time."""
        self.transport.close()
        self._cut_after(HANG_UP_LIMIT_S)

    def _wait_for_request(self) -> None:
        self._request_bytes = 0
        self._late = self.loop.call_later(REQUEST_LIMIT_S, self.refuse, HTTPStatus.REQUEST_TIMEOUT)
        self.config.waiting.add(self)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if self._unread is None:
            self.config.waiting.discard(self)

    def _cut_after(self, limit_s: float) -> None:
        """Abort the connection if the peer has not read everything by then."""
        self._stop_waiting_for_reader()
        self._unread = self.loop.call_later(limit_s, self.transport.abort)

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        if self._late is None:
            self.config.waiting.discard(self)
