"""Connections that send no request, half of one, or one that is no upgrade: they are answered and closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

from server.http_protocol import MAX_REQUEST_BYTES, REQUEST_LIMIT_S
from server.log_limit import LINES
from server.testing.chat_user import TIMEOUT_S, join
from server.testing.server_process import ROOT, ServerProcess

UPGRADE = (
    "GET /chat?user_id=x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
LATE_S = REQUEST_LIMIT_S + TIMEOUT_S


def connected(server: ServerProcess) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), LATE_S)


def read_all(sock: socket.socket) -> bytes:
    """Read until the server hangs up."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65_536):
            received += piece
    return received


@pytest.mark.long
def test_connections_without_a_whole_request_are_closed(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    with ExitStack() as stack:
        sockets = [stack.enter_context(connected(server)) for _ in range(4)]
        for sock, sent in zip(
            sockets, (b"", b"G", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", UPGRADE.encode()), strict=True
        ):
            sock.sendall(sent)
        assert all(read_all(sock).startswith(b"HTTP/1.1 408") for sock in sockets)


@pytest.mark.long
@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"])
def test_a_trickle_does_not_extend_the_limit(start_server: Callable[..., ServerProcess], before: bytes) -> None:
    server = start_server()
    with connected(server) as sock:
        sock.sendall(before)
        ended = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                sock.sendall(b"GET / HTTP/1.1\r\nX: ")
                while not ended.wait(0.2):
                    sock.sendall(b"y")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert b"HTTP/1.1 408" in read_all(sock)
        finally:
            ended.set()
            thread.join()


def test_a_request_that_does_not_end_is_not_kept(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    with connected(server) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(b"GET / HTTP/1.1\r\nX: " + b"y" * (MAX_REQUEST_BYTES + 1))
        assert read_all(sock).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"{UPGRADE}Cookie: {'c' * 12_000}\r\n\r\n", 431),
        (UPGRADE + "".join(f"X-{n}: y\r\n" for n in range(130)) + "\r\n", 431),
        (f"{UPGRADE}Content-Length: 5\r\n\r\nhello", 400),
        (f"{UPGRADE.replace('GET', 'POST')}\r\n", 405),
    ],
    ids=["cookies", "headers", "body", "method"],
)
async def test_a_malformed_upgrade_is_answered_and_does_not_spoil_the_end(
    start_server: Callable[..., ServerProcess], request_text: str, status: int
) -> None:
    server = start_server()
    async with join(server.chat_url("alice")) as alice:
        with connected(server) as sock:
            sock.sendall(request_text.encode())
            assert read_all(sock).startswith(f"HTTP/1.1 {status} ".encode())
            server.process.terminate()
            assert await alice.close_code() == 1012
    assert await asyncio.to_thread(server.process.wait, TIMEOUT_S) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    "sent", [b"", b"GET /static/chat.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 500], ids=["silent", "deaf"]
)
def test_silent_and_deaf_connections_do_not_lock_others_out(sent: bytes) -> None:
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
    program = limited + "import sys; sys.argv[1:] = ['--port', '0']; runpy.run_module('server', run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3]
        with ExitStack() as stack:

            def connect_and_never_read() -> None:
                sock = stack.enter_context(socket.socket())
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                sock.settimeout(TIMEOUT_S)
                host, port = url.removeprefix("http://").split(":")
                sock.connect((host, int(port)))
                with contextlib.suppress(ConnectionError):  # there may be no descriptor for it
                    sock.sendall(sent)

            for _ in range(60):
                connect_and_never_read()
            deadline = time.monotonic() + REQUEST_LIMIT_S + TIMEOUT_S
            while not answers(url):
                assert time.monotonic() < deadline
                connect_and_never_read()
            while not takes_a_member(url):
                assert time.monotonic() < deadline
            process.terminate()
            _, errors = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "connections without a request or a reader" in errors
    assert "Traceback" not in errors
    assert "Cancel" not in errors


def takes_a_member(url: str) -> bool:
    try:
        with connect(f"{url.replace('http', 'ws')}/chat?user_id=alice", proxy=None) as alice:
            alice.send("here")
            return True
    except (OSError, InvalidHandshake):  # a descriptor may be lacking for another moment
        return False


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False, timeout=1).is_success
    except httpx.HTTPError:
        return False


def test_what_clients_do_fills_no_log() -> None:
    with ServerProcess() as server:
        for _ in range(50):
            with connected(server) as sock:
                sock.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")
                assert read_all(sock).startswith(b"HTTP/1.1 400")
        lines = server.stderr().splitlines()
    assert 0 < len(lines) <= LINES


def test_a_chunk_without_a_size_is_answered() -> None:
    with ServerProcess() as server:
        with connected(server) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            answer = read_all(sock)
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.count(b"HTTP/1.1") == 1
        assert "Traceback" not in server.stderr()
