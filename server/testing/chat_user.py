"""A chat user for tests, and a member that never reads."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.message import Message
from server.testing.server_process import ServerProcess

TIMEOUT_S = 20.0

CLOSE_FRAME = bytes([0x88, 0x80, 0, 0, 0, 0])
"""As a client sends it: masked, without a code."""

# By default a client stops reading when 16 messages wait for the test to take them.
READ_ALL: Any = {"proxy": None, "max_queue": None, "max_size": None}


class User:
    """A member of a room, over a real connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, text: str) -> None:
        """Send a text."""
        await self.connection.send(text)

    async def hear(self) -> Message:
        """Return the next message of any kind."""
        async with asyncio.timeout(TIMEOUT_S):
            return msgspec.json.decode(await self.connection.recv(), type=Message)

    async def hear_any(self) -> dict[str, Any]:
        """Return the next JSON object of any kind, `welcome` and `gap` included."""
        async with asyncio.timeout(TIMEOUT_S):
            found: dict[str, Any] = msgspec.json.decode(await self.connection.recv())
            return found

    async def hear_said(self, count: int) -> list[Message]:
        """Return the next messages of users, and pass over notices."""
        said: list[Message] = []
        while len(said) < count:
            message = await self.hear()
            if message.event == "user":
                said.append(message)
        return said

    async def hear_notice(self, text: str) -> Message:
        """Return the notice of that text, and pass over everything before it."""
        while (message := await self.hear()).text != text or message.event == "user":
            pass
        return message

    async def close_code(self) -> int | None:
        """Read to the end of the connection; return the code of the server's close frame."""
        async with asyncio.timeout(TIMEOUT_S):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as closed:
                return None if closed.rcvd is None else closed.rcvd.code

    def reset(self) -> None:
        """Vanish without a close frame: the kernel sends RST."""
        sock = self.connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.transport.abort()


@asynccontextmanager
async def join(url: str, *, compression: str | None = None) -> AsyncIterator[User]:
    """Join at an address; leave at the end of the block."""
    async with connect(url, compression=compression, **READ_ALL) as connection:
        yield User(connection)


@asynccontextmanager
async def join_all(server: ServerProcess, room: str, names: Iterable[str]) -> AsyncIterator[list[User]]:
    """Join with several users; all are in the room when the block starts."""
    connections = await asyncio.gather(
        *(connect(server.chat_url(name, room), compression=None, **READ_ALL) for name in names)
    )
    try:
        yield [User(connection) for connection in connections]
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


def join_and_never_read(url: str) -> socket.socket:
    """Return the socket of a member that has joined and reads nothing after its handshake."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.connect((parts.hostname, parts.port))
    sock.sendall(
        f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    sock.settimeout(TIMEOUT_S)
    status = sock.recv(12)
    assert status == b"HTTP/1.1 101"
    return sock


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, which is checked in a thread as it may block."""
    async with asyncio.timeout(TIMEOUT_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.02)


async def fill_buffers(server: ServerProcess, speaker: User) -> int:
    """Speak until a member that does not read has its buffers full; return how many texts that took."""
    chunk = "x" * 60_000
    high_water = 64 * 1024  # bytes; the transport asks for a pause above it
    for spoken in range(1, 1_000):
        await speaker.say(chunk)
        if (await asyncio.to_thread(server.stats))["outbox_bytes_max"] > high_water:
            return spoken
    raise AssertionError("the buffers of a member that does not read never filled")
