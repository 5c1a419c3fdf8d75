"""The HTTP connection: uvicorn's protocol with limits for peers that send no complete request."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.config import ChatConfig
from server.refusal import http_refusal

REQUEST_LIMIT_S = 10.0
"""How long a request may take from its first byte, or from the connection's first moment, to its last byte."""
MAX_REQUEST_BYTES = 65_536
"""How long a request may be, its body included: none that is answered here has one. h11 allows 16 KiB of headers."""


class ChatHttpProtocol(H11Protocol):
    """A connection until it is a WebSocket: who says nothing, or never ends its request, does not stay.

    The limit runs from the first byte to the last, so a trickle does not extend it.
    """

    config: ChatConfig
    _late: TimerHandle | None = None
    _request_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
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
        """Hand over to the WebSocket protocol."""
        self._stop_waiting()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; hang up on a peer that has had its answer already."""
        self._stop_waiting()
        if self.conn.our_state is h11.IDLE:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def refuse(self, status: HTTPStatus) -> None:
        """Answer with an error and hang up; a peer that does not read it is not waited for."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(http_refusal(status))
        self.transport.close()

    def _wait_for_request(self) -> None:
        self._request_bytes = 0
        self._late = self.loop.call_later(REQUEST_LIMIT_S, self.refuse, HTTPStatus.REQUEST_TIMEOUT)
        self.config.waiting.add(self)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self.config.waiting.discard(self)
