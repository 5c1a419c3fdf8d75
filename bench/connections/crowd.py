"""A crowd of members that join and then do nothing: bare sockets, so that their own cost stays small."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.utils import generate_key

from bench.errors import JoinError
from bench.execution.handshake import upgrade_request

WELCOME = b"HTTP/1.1 101"
ANSWER_LIMIT_S = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""For SO_LINGER: the kernel sends RST, and no close frame went before it."""


class Crowd:
    """Members of a room that neither speak nor read; all have gone at the end of the `with` block."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._members: list[socket.socket] = []
        self._joined = 0

    def join(self, count: int) -> None:
        """Have `count` more members join, all at once.

        Raises:
            JoinError: one was not let in.

        """
        newcomers = [self._ask() for _ in range(count)]
        self._members += newcomers
        for newcomer in newcomers:
            _await_answer(newcomer)

    def vanish(self, count: int) -> None:
        """Have `count` members go without a word."""
        for _ in range(count):
            with self._members.pop() as member:
                member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish(len(self._members))

    def _ask(self) -> socket.socket:
        try:
            member = socket.create_connection(self._address, ANSWER_LIMIT_S)
        except OSError as error:
            raise JoinError(f"member {self._joined + 1:,} could not connect: {error}") from error
        self._joined += 1
        with suppress(OSError):  # then there is no answer either, which is told
            member.sendall(upgrade_request(self._address, f"/chat?user_id=idle{self._joined}", generate_key()))
        return member


def _await_answer(member: socket.socket) -> None:
    """Read the head of the server's answer, and leave what follows it unread."""
    answer = b""
    with suppress(OSError):
        answer = member.recv(len(WELCOME), socket.MSG_WAITALL)
        while answer != WELCOME and (more := member.recv(4096)):
            answer += more
    if answer != WELCOME:
        raise JoinError(f"a member was not let in: the server said {answer.decode(errors='replace')!r}")
