"""A crowd of idle members: bare sockets, so that their own cost stays small."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.utils import generate_key

from bench.errors import JoinError
from bench.execution.upgrade_request import upgrade_request
from bench.model.plan import OUR_ENDPOINT, Endpoint

SWITCHING_PROTOCOLS = b"HTTP/1.1 101"
RESPONSE_LIMIT_S = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""For SO_LINGER: close() sends RST, without a close frame before it."""


class Crowd:
    """Members of a room that neither send nor read; all are disconnected at the end of the `with` block."""

    def __init__(self, address: tuple[str, int], endpoint: Endpoint = OUR_ENDPOINT) -> None:
        self._address = address
        self._endpoint = endpoint
        self._members: list[socket.socket] = []
        self._joined = 0

    def join(self, count: int) -> None:
        """Join `count` more members, all at once.

        Raises:
            JoinError: the server refused one.

        """
        newcomers = [self._connect() for _ in range(count)]
        self._members += newcomers
        for newcomer in newcomers:
            _await_response(newcomer)

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

    def _connect(self) -> socket.socket:
        try:
            member = socket.create_connection(self._address, RESPONSE_LIMIT_S)
        except OSError as error:
            raise JoinError(f"member {self._joined + 1:,} could not connect: {error}") from error
        self._joined += 1
        with suppress(OSError):  # then there is no response either, which is reported
            member.sendall(upgrade_request(self._address, f"idle{self._joined}", generate_key(), self._endpoint))
        return member


def _await_response(member: socket.socket) -> None:
    """Read the head of the server's response, and leave the rest unread."""
    response = b""
    with suppress(OSError):
        response = member.recv(len(SWITCHING_PROTOCOLS), socket.MSG_WAITALL)
        while response != SWITCHING_PROTOCOLS and (more := member.recv(4096)):
            response += more
    if response != SWITCHING_PROTOCOLS:
        raise JoinError(f"the server refused a member with {response.decode(errors='replace')!r}")
