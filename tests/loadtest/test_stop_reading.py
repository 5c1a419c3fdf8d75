"""What a server still sends once nothing will be judged any more is left unread, and leaving does not wait for it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import gevent
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from loadtest.client.endpoint import Endpoint
from loadtest.client.target import Target
from loadtest.client.websocket import Read, WebSocket

LIMIT_S = 300
NEVER_NS = [2**63 - 1]


def _chatter(connection: ServerConnection) -> None:
    """Send on and on, also after the peer's close frame, as a server with a long backlog does."""
    try:
        while True:
            connection.send("and on")
            time.sleep(0.001)
    except ConnectionClosed:
        pass


@pytest.fixture
def target() -> Iterator[Target]:
    with serve(_chatter, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = server.socket.getsockname()
        yield Target(f"ws://127.0.0.1:{address[1]}", ((socket.AF_INET, address),), None, Endpoint("/"))
        server.shutdown()
        thread.join(LIMIT_S)


def test_nothing_is_read_any_more_and_leaving_takes_no_time(target: Target) -> None:
    websocket, reads = WebSocket(target, "u000001"), list[Read]()
    websocket.connect(LIMIT_S)
    websocket.watch(reads.append, 1, NEVER_NS, [0], lambda: None, lambda: None)
    deadline_s = time.monotonic() + LIMIT_S
    while not reads:
        assert time.monotonic() < deadline_s
        gevent.sleep(0.01)
    websocket.stop_reading()
    before = len(reads)
    gevent.sleep(0.2)
    assert len(reads) == before
    websocket.stop_reading()  # once more is no mistake
    began_s = time.monotonic()
    websocket.close(LIMIT_S)
    assert time.monotonic() - began_s < LIMIT_S / 2, "it did not wait for an answer that nobody would read"
    assert websocket.ended.is_set()
