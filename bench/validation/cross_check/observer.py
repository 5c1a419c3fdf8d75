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
from enum import IntEnum

from websockets.utils import accept_key, generate_key

from bench.errors import JoinError
from bench.execution.upgrade_request import upgrade_request
from bench.model.plan import OUR_ENDPOINT, Endpoint
from bench.validation.cross_check.observation import Delivery

JOIN_LIMIT_S = 10.0
MAX_RESPONSE_BYTES = 16_384
SO_TIMESTAMPNS = 35  # Linux; the socket module does not name it
TIMESPEC = struct.Struct("@qq")
STAMP = re.compile(rb"lt1\|(\d{6})\|(\d{8})\|(\d{19})\|(\d{19})\|")
FIN = 0x80  # in a frame's first byte: no further frame continues its message
MASKED = 0x80
NO_MASK = bytes(4)  # a mask that changes nothing


class Opcode(IntEnum):
    """The kinds of frames that are read; continuations are refused, because one could cut a stamp in two."""

    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Observer:
    """A member that only listens: calls `on_delivery` for each stamped message, and `on_end` when its connection ends.

    `why_ended` is the reason, and `None` while the connection lasts; `joined_ns` is CLOCK_REALTIME nanoseconds.
    """

    def __init__(self, number: int, on_delivery: Callable[[Delivery], None], on_end: Callable[[], None]) -> None:
        self._number = number
        self._on_delivery = on_delivery
        self._on_end = on_end
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._frame = b""
        self._wanted = 2
        self.joined_ns = 0
        self.why_ended: str | None = None

    async def join(self, address: tuple[str, int], user: str, endpoint: Endpoint = OUR_ENDPOINT) -> None:
        """Connect, upgrade, and listen from the first frame on.

        Raises:
            JoinError: the server refused.
            OSError: it could not be reached, or not within `JOIN_LIMIT_S` (TimeoutError).

        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(JOIN_LIMIT_S):
            await loop.sock_connect(self._socket, address)
            key = generate_key()
            await loop.sock_sendall(self._socket, upgrade_request(address, user, key, endpoint))
            response = await self._response(loop)
        if not response.startswith(b"HTTP/1.1 101 ") or accept_key(key).encode() not in response:
            raise JoinError(f"the server did not let observer {self._number} in: {response.splitlines()[:1]}")
        self.joined_ns = time.time_ns()
        loop.add_reader(self._socket, self._read)

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
        match Opcode(frame[0] & 0x0F):
            case Opcode.TEXT | Opcode.BINARY:
                if stamp := STAMP.search(frame):
                    sender, seq, due_ns, sent_ns = map(int, stamp.groups())
                    kernel_ns = _kernel_time_ns(ancillary)
                    arrival_ns = kernel_ns or time.time_ns()
                    self._on_delivery(
                        Delivery(self._number, sender, seq, due_ns, sent_ns, arrival_ns, kernel_ns is not None)
                    )
            case Opcode.PING:  # at most 125 bytes, so its header has two
                answer = bytes([FIN | Opcode.PONG, MASKED | frame[1]]) + NO_MASK + frame[2:]
                if self._socket.send(answer) < len(answer):
                    raise ConnectionError("the send buffer is too full to answer a ping")
            case Opcode.CLOSE:
                self._end(f"the server closed the connection: {frame[4:].decode(errors='replace')!r}")

    def _end(self, reason: str) -> None:
        self.why_ended = reason
        asyncio.get_running_loop().remove_reader(self._socket)
        self._on_end()


def frame_size(head: bytes) -> int:
    """Return how many bytes of a frame have to be read to know more; once the header is there, the frame's size.

    Raises:
        ValueError: the frame is a fragment, masked, or of an unknown kind.

    """
    if not head[0] & FIN or head[0] & 0x0F not in list(Opcode) or head[1] & MASKED:
        raise ValueError(f"a frame begins with {head[:2].hex()}; an observer reads whole, unmasked frames only")
    length_bytes = {126: 2, 127: 8}.get(head[1], 0)
    header = 2 + length_bytes
    if len(head) < header:
        return header
    return header + (int.from_bytes(head[2:header]) if length_bytes else head[1])


def _kernel_time_ns(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = TIMESPEC.unpack(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return None
