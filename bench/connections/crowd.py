"""A crowd of idle members: bare sockets, so that their own cost stays small."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.utils import generate_key

from bench.errors import JoinError
from bench.execution.join_procedure import Exchange, JoinProcedure
from bench.execution.server_frames import Opcode, frame_size, opcode, payload
from loadtest.protocols.driver import Identity

SWITCHING_PROTOCOLS = b"HTTP/1.1 101"
END_OF_HEAD = b"\r\n\r\n"
RESPONSE_LIMIT_S = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""For SO_LINGER: close() sends RST, without a close frame before it."""


class Crowd:
    """Members of a room that neither send nor read; all are disconnected at the end of the `with` block."""

    def __init__(self, address: tuple[str, int], procedure: JoinProcedure | None = None) -> None:
        self._address = address
        self._procedure = procedure or JoinProcedure()
        self._members: list[socket.socket] = []
        self._joined = 0

    def join(self, count: int) -> None:
        """Join `count` more members, all at once.

        Raises:
            JoinError: the server refused one.

        """
        newcomers = [self._connect() for _ in range(count)]
        self._members += [newcomer for newcomer, _ in newcomers]
        for newcomer, identity in newcomers:
            _await_response(newcomer)
            _follow(self._procedure.exchange(identity), newcomer)

    def vanish(self, count: int) -> None:
        """Disconnect `count` members without a close frame."""
        for _ in range(count):
            with self._members.pop() as member:
                member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish(len(self._members))

    def _connect(self) -> tuple[socket.socket, Identity]:
        try:
            member = socket.create_connection(self._address, RESPONSE_LIMIT_S)
        except OSError as error:
            raise JoinError(f"member {self._joined + 1:,} could not connect: {error}") from error
        self._joined += 1
        identity = self._procedure.identity(f"idle{self._joined}", self._joined)
        with suppress(OSError):  # then there is no response either, which is reported
            member.sendall(self._procedure.upgrade_request(self._address, identity, generate_key()))
        return member, identity


def _await_response(member: socket.socket) -> None:
    """Read the beginning of the server's response, and leave the rest unread."""
    response = b""
    with suppress(OSError):
        response = member.recv(len(SWITCHING_PROTOCOLS), socket.MSG_WAITALL)
        while response != SWITCHING_PROTOCOLS and (more := member.recv(4096)):
            response += more
    if response != SWITCHING_PROTOCOLS:
        raise JoinError(f"the server refused a member with {response.decode(errors='replace')!r}")


def _follow(exchange: Exchange, member: socket.socket) -> None:
    """Send and await what a protocol wants beyond the upgrade; without any of it nothing more is read."""
    try:
        step = next(exchange)
        _skip_head(member)
        while True:
            if step is None:
                step = exchange.send(_next_message(member))
            else:
                member.sendall(step)
                step = next(exchange)
    except StopIteration:
        return
    except (OSError, ValueError) as error:
        raise JoinError(f"the server did not let a member in: {error}") from error


def _skip_head(member: socket.socket) -> None:
    """Read on to the first frame, byte by byte as frames may follow at once."""
    head = b""
    while not head.endswith(END_OF_HEAD):
        head += _read(member, 1)


def _next_message(member: socket.socket) -> bytes:
    while True:
        frame, size = b"", 2
        while len(frame) < size:
            frame += _read(member, size - len(frame))
            if len(frame) == size:
                size = frame_size(frame)
        if opcode(frame) is Opcode.CLOSE:
            raise ConnectionError(f"it closed the connection: {payload(frame)[2:].decode(errors='replace')!r}")
        if opcode(frame) in (Opcode.TEXT, Opcode.BINARY):
            return payload(frame)


def _read(member: socket.socket, count: int) -> bytes:
    if data := member.recv(count, socket.MSG_WAITALL):
        return data
    raise ConnectionError("it ended the connection")
