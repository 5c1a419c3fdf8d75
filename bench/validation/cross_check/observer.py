"""One observer's connection: a raw socket, with its own WebSocket upgrade and frame parser.

It shares no code with the swarm and never reads past the end of a frame. So each frame gets the kernel's receive time
of its own last byte, whereas a read of many frames has one time for all of them.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import Callable

from websockets.utils import accept_key, generate_key

from bench.errors import JoinError
from bench.execution.join_procedure import Exchange, JoinProcedure
from bench.execution.server_frames import FIN, MASKED, Opcode, frame_size, opcode, payload
from bench.validation.cross_check.observation import Delivery

JOIN_LIMIT_S = 10.0
MAX_RESPONSE_BYTES = 16_384
SO_TIMESTAMPNS = 35  # Linux; the socket module does not name it
TIMESPEC = struct.Struct("@qq")
STAMP = re.compile(rb"lt1\|(\d{6})\|(\d{8})\|(\d{19})\|(\d{19})\|")
NO_MASK = bytes(4)  # a mask that changes nothing


class Observer:
    """A member that only listens: calls `on_delivery` for each stamped message, and `on_end` when its connection ends.

    `why_ended` is the reason, and `None` while the connection lasts; `joined_ns` is CLOCK_REALTIME nanoseconds.
    """

    def __init__(
        self,
        number: int,
        on_delivery: Callable[[Delivery], None],
        on_end: Callable[[], None],
        procedure: JoinProcedure | None = None,
    ) -> None:
        self._number = number
        self._procedure = procedure or JoinProcedure()
        self._on_delivery = on_delivery
        self._on_end = on_end
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._frame = b""
        self._wanted = 2
        self.joined_ns = 0
        self.why_ended: str | None = None

    async def join(self, address: tuple[str, int], user: str) -> None:
        """Connect, upgrade, exchange what the protocol wants, and listen from the next frame on.

        Raises:
            JoinError: the server refused.
            OSError: it could not be reached, or not within `JOIN_LIMIT_S` (TimeoutError).

        """
        loop = asyncio.get_running_loop()
        identity = self._procedure.identity(user, self._number)
        async with asyncio.timeout(JOIN_LIMIT_S):
            await loop.sock_connect(self._socket, address)
            key = generate_key()
            await loop.sock_sendall(self._socket, self._procedure.upgrade_request(address, identity, key))
            response = await self._response(loop)
            if not response.startswith(b"HTTP/1.1 101 ") or accept_key(key).encode() not in response:
                raise JoinError(f"the server did not let observer {self._number} in: {response.splitlines()[:1]}")
            await self._follow(self._procedure.exchange(identity), loop)
        self.joined_ns = time.time_ns()
        loop.add_reader(self._socket, self._read)
        self._heartbeat_later(loop)

    def close(self) -> None:
        """Close the socket without a close frame: the server is about to end."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    async def _response(self, loop: asyncio.AbstractEventLoop) -> bytes:
        """Read the response byte by byte, because the first frame may follow at once and is not to be read here."""
        response = b""
        while not response.endswith(b"\r\n\r\n") and len(response) < MAX_RESPONSE_BYTES:
            byte = await loop.sock_recv(self._socket, 1)
            if not byte:
                break
            response += byte
        return response

    async def _follow(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        """Send and await what a protocol wants beyond the upgrade."""
        try:
            step = next(exchange)
            while True:
                if step is None:
                    step = exchange.send(await self._next_message(loop))
                else:
                    await loop.sock_sendall(self._socket, step)
                    step = next(exchange)
        except StopIteration:
            return
        except ValueError as error:
            raise JoinError(f"the server did not let observer {self._number} in: {error}") from error

    async def _next_message(self, loop: asyncio.AbstractEventLoop) -> bytes:
        while True:
            frame, size = b"", 2
            while len(frame) < size:
                data = await loop.sock_recv(self._socket, size - len(frame))
                if not data:
                    raise JoinError(f"the server ended the connection while observer {self._number} joined")
                frame += data
                if len(frame) == size:
                    size = frame_size(frame)
            match opcode(frame):
                case Opcode.TEXT | Opcode.BINARY:
                    return payload(frame)
                case Opcode.PING:
                    await loop.sock_sendall(self._socket, _pong(frame))
                case Opcode.CLOSE:
                    why = payload(frame)[2:].decode(errors="replace")
                    raise JoinError(f"the server closed the connection while observer {self._number} joined: {why!r}")

    def _heartbeat_later(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send what the protocol's clients send to stay connected, if it is to be sent at all."""
        driver = self._procedure.driver
        if not driver.heartbeat_every_s:
            return

        def beat() -> None:
            if self.why_ended is None and self._socket.fileno() >= 0:
                self._send(self._procedure.frame(driver.heartbeat()))
                self._heartbeat_later(loop)

        loop.call_later(driver.heartbeat_every_s, beat)

    def _read(self) -> None:
        """Read all available bytes; each read ends where a header or a frame ends."""
        try:
            while self.why_ended is None and (received := self._receive()):
                data, ancillary = received
                self._frame += data
                if len(self._frame) == self._wanted:
                    self._wanted = frame_size(self._frame)
                    if len(self._frame) == self._wanted:
                        self._handle(self._frame, ancillary)
                        self._frame, self._wanted = b"", 2
        except (OSError, ValueError) as error:
            self._end(str(error))

    def _receive(self) -> tuple[bytes, list[tuple[int, int, bytes]]] | None:
        """Return the next bytes with their ancillary data, or `None` if there are none yet."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(
                self._wanted - len(self._frame), socket.CMSG_SPACE(TIMESPEC.size)
            )
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionError("the server closed the socket")
        return data, ancillary

    def _handle(self, frame: bytes, ancillary: list[tuple[int, int, bytes]]) -> None:
        match opcode(frame):
            case Opcode.TEXT | Opcode.BINARY:
                if stamp := STAMP.search(frame):
                    sender, seq, due_ns, sent_ns = map(int, stamp.groups())
                    kernel_ns = _kernel_time_ns(ancillary)
                    arrival_ns = kernel_ns or time.time_ns()
                    self._on_delivery(
                        Delivery(self._number, sender, seq, due_ns, sent_ns, arrival_ns, kernel_ns is not None)
                    )
                elif (answer := self._procedure.driver.answer(payload(frame))) is not None:
                    self._send(self._procedure.frame(answer))
            case Opcode.PING:
                self._send(_pong(frame))
            case Opcode.CLOSE:
                self._end(f"the server closed the connection: {payload(frame)[2:].decode(errors='replace')!r}")

    def _send(self, frame: bytes) -> None:
        if self._socket.send(frame) < len(frame):
            raise ConnectionError("the send buffer is too full to answer the server")

    def _end(self, reason: str) -> None:
        self.why_ended = reason
        asyncio.get_running_loop().remove_reader(self._socket)
        self._on_end()


def _pong(ping: bytes) -> bytes:
    """Return the answer to a ping, which has at most 125 bytes, so that its header has two."""
    return bytes([FIN | Opcode.PONG, MASKED | ping[1]]) + NO_MASK + ping[2:]


def _kernel_time_ns(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = TIMESPEC.unpack(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return None
