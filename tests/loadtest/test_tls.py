"""TLS that breaks: complete messages from before are kept. A real server in a thread, real certificates."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace

import gevent
import pytest
import trustme
from websockets.http11 import Request
from websockets.sync.server import ServerConnection, serve

from loadtest.client.endpoint import Endpoint
from loadtest.client.target import Target
from loadtest.client.websocket import Read, WebSocket
from loadtest.errors import ConnectError

GARBAGE = b"this is no record of TLS"
LIMIT_S = 300
NEVER_NS = [2**63 - 1]


class BreakingServer:
    """Breaks its TLS: before it answers a handshake at /early, else after two messages, when it is spoken to."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.context)
        self._trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(self._trusting)
        self.has_broken = threading.Event()
        self._may_close = threading.Event()

    def __enter__(self) -> BreakingServer:
        self._server = serve(
            self._chat, "127.0.0.1", 0, ssl=self.context, compression=None, process_request=self._answer
        )
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._may_close.set()
        self._server.shutdown()
        self._thread.join(LIMIT_S)

    def target(self, path: str) -> Target:
        address = self._server.socket.getsockname()
        return Target(f"wss://localhost:{address[1]}", ((socket.AF_INET, address),), self._trusting, Endpoint(path))

    def _answer(self, connection: ServerConnection, request: Request) -> None:
        if request.path == "/early":
            os.write(connection.socket.fileno(), GARBAGE)

    def _chat(self, connection: ServerConnection) -> None:
        connection.recv()
        connection.send("first")
        connection.send("second")
        os.write(connection.socket.fileno(), GARBAGE)
        self.has_broken.set()
        self._may_close.wait(LIMIT_S)


@pytest.fixture
def server() -> Iterator[BreakingServer]:
    with BreakingServer() as server:
        yield server


def after_the_break(server: BreakingServer) -> WebSocket:
    """Return a connection whose next read brings all that the server sent."""
    websocket = WebSocket(server.target("/"), "u")
    websocket.connect(LIMIT_S)
    websocket.send_text(b"go")
    assert server.has_broken.wait(LIMIT_S)
    return websocket


def test_messages_that_arrive_with_broken_tls_are_kept(server: BreakingServer) -> None:
    websocket = after_the_break(server)
    reads: list[Read] = []
    websocket.watch(reads.append, 7, NEVER_NS, [5], lambda: None, lambda: None)
    assert websocket.ended.wait(LIMIT_S)
    assert [(tag, data) for tag, data, *_ in reads] == [(7, b"\x81\x05first\x81\x06second"), (7, b"")]
    assert "wrong version number" in websocket.why_ended().lower()


def test_a_throttled_reader_ends_too(server: BreakingServer) -> None:
    websocket = after_the_break(server)
    websocket.read_texts(65_536)
    assert websocket.ended.is_set()
    assert "wrong version number" in websocket.why_ended().lower()


def test_tls_that_breaks_before_the_reply_is_a_connect_error(server: BreakingServer) -> None:
    websocket = WebSocket(server.target("/early"), "u")
    with gevent.Timeout(LIMIT_S), pytest.raises(ConnectError, match="TLS: "):
        websocket.connect(LIMIT_S)
    assert websocket.ended.is_set()


def test_a_reset_before_the_request_is_a_connect_error(server: BreakingServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as resetting:
        thread = threading.Thread(target=reset_one, args=(resetting, server.context))
        thread.start()
        target = replace(server.target("/"), addresses=((socket.AF_INET, resetting.getsockname()),))
        websocket = WebSocket(target, "u")
        request = websocket.protocol.connect()

        def late_request() -> Request:
            thread.join(LIMIT_S)  # the handshake is over, and by now the connection as well
            return request

        websocket.protocol.connect = late_request  # type: ignore[method-assign]
        with gevent.Timeout(LIMIT_S), pytest.raises(ConnectError, match=r"Connection reset by peer|Broken pipe"):
            websocket.connect(LIMIT_S)
    assert websocket.ended.is_set()


def reset_one(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    context.wrap_socket(connection, server_side=True).close()
