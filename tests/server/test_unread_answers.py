"""Clients that do not read their answers: they are cut off, and hold up neither others nor the end."""

from __future__ import annotations

import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from websockets.frames import Frame, Opcode

from server.http_protocol import ChatHttpProtocol
from server.lifecycle import ChatServer
from server.settings import Settings
from server.testing.chat_user import TIMEOUT_S, wait_until
from server.testing.server_process import ServerProcess
from tests.server.in_process import serve_here

SMALL_KERNEL_BUFFER = 4_096
GET = b"GET /static/chat.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
GET_AND_CLOSE = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
UPGRADE = (
    b"GET /chat?user_id=alice HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@contextmanager
def asking(address: str, requests: bytes) -> Iterator[socket.socket]:
    """Send requests, and read no answer."""
    host, port = address.split(":")
    with socket.socket() as sock:
        sock.settimeout(TIMEOUT_S)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.connect((host, int(port)))
        sock.sendall(requests)
        yield sock


@asynccontextmanager
async def unread(requests: bytes) -> AsyncIterator[tuple[ChatServer, ChatHttpProtocol]]:
    """Have a server whose only client does not read; yield it and the connection, once an answer waits there."""
    settings = Settings(outbox_bytes=SMALL_KERNEL_BUFFER)
    async with serve_here(settings) as (server, address):
        with asking(address, requests):
            connections = server.server_state.connections
            await wait_until(lambda: any(one.transport.get_write_buffer_size() for one in tuple(connections)))
            (connection,) = connections
            assert isinstance(connection, ChatHttpProtocol)
            yield server, connection


async def test_unread_answers_do_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.http_protocol.REQUEST_LIMIT_S", 0.5)
    async with unread(GET * 500) as (server, _):
        await wait_until(lambda: not server.server_state.connections)


async def test_who_reads_in_time_gets_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.http_protocol.REQUEST_LIMIT_S", TIMEOUT_S)
    async with serve_here(Settings()) as (_, address):
        with asking(address, GET * 100 + GET_AND_CLOSE) as sock:
            received = bytearray()

            def read_all() -> bool:
                while piece := sock.recv(65_536):
                    received.extend(piece)
                return True

            await wait_until(read_all)
    assert received.count(b"HTTP/1.1 200") == 101


@pytest.mark.long
@pytest.mark.parametrize("requests", [GET, GET_AND_CLOSE], ids=["keep-alive", "close"])
async def test_the_rest_of_an_unread_answer_does_not_stay(monkeypatch: pytest.MonkeyPatch, requests: bytes) -> None:
    monkeypatch.setattr("server.http_protocol.REQUEST_LIMIT_S", 0.5)
    monkeypatch.setattr("server.http_protocol.HANG_UP_LIMIT_S", 0.5)
    monkeypatch.setattr("uvicorn.config.Config.timeout_keep_alive", 0.2, raising=False)
    async with unread(requests) as (server, connection):
        assert not connection.flow.write_paused
        await wait_until(lambda: not server.server_state.connections)


async def test_unread_answers_do_not_hold_up_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    async with unread(GET * 500) as (server, connection):
        await wait_until(lambda: connection.flow.write_paused)
        server.should_exit = True
        await wait_until(lambda: not server.server_state.connections)
    assert capsys.readouterr().err == ""


def test_the_last_descriptor_is_missed_once(capsys: pytest.CaptureFixture[str]) -> None:
    server = ChatServer(Settings())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        server._watch_descriptors()
        server._watch_descriptors()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    server._watch_descriptors()
    assert capsys.readouterr().err.count("new connections are dropped: Too many open files; raise the limit") == 1


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.PING])
def test_what_comes_along_with_the_upgrade_is_taken(opcode: Opcode) -> None:
    payload = b"sent along"
    with ServerProcess() as server:
        with asking(server.url.removeprefix("http://"), UPGRADE + Frame(opcode, payload).serialize(mask=True)) as sock:
            received = b""
            while payload not in received:
                piece = sock.recv(65_536)
                assert piece, received
                received += piece
        assert received.startswith(b"HTTP/1.1 101")
        assert server.stderr() == ""
