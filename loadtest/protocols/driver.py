"""The contract of a protocol's driver: how a user joins, how a text is wrapped, and what has to be answered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import quote

from websockets.frames import Opcode

from loadtest.errors import ConnectError


@dataclass(frozen=True, slots=True)
class Identity:
    """Who joins: the name of a user, and its token where users have tokens."""

    user: str
    token: str = ""

    def fill(self, template: str) -> str:
        """Put the name and the token in the place of `{user}` and `{token}`."""
        return template.replace("{user}", self.user).replace("{token}", self.token)

    def fill_path(self, template: str) -> str:
        """Put them there percent-encoded, as a path needs them."""
        return Identity(quote(self.user, safe=""), quote(self.token, safe="")).fill(template)


Joining = Generator[bytes | None, bytes, None]
"""Yields a message to send, or `None` to await the server's next one, which is what `yield` then returns."""


class Driver(ABC):
    """How one protocol looks on the wire; one driver serves all users of a swarm.

    `opcode` is that of the frames that carry messages, both ways. `url_path` and `subprotocol` are those of a server
    that follows the protocol's customs. `has_echo` tells whether a message comes back to its sender, `has_pings`
    whether the server sends messages that nobody said, and `heartbeat_every_s` how often it expects `heartbeat()`; 0
    for never.
    """

    opcode: Opcode = Opcode.TEXT
    url_path: str = "/"
    subprotocol: str = ""
    has_echo: bool = True
    has_pings: bool = False
    heartbeat_every_s: float = 0.0

    def join(self, identity: Identity) -> Joining:  # noqa: ARG002
        """Exchange what makes a connection, which is open, a member of the room; `answer` is asked meanwhile, too.

        Raises:
            ConnectError: the server's answer is not the expected one.

        """
        yield from ()

    @abstractmethod
    def wrap(self, text: bytes) -> bytes:
        """Return the message that has a text delivered to everybody in the room.

        The text is letters, digits, `|` and `.`, which no format has to escape.
        """

    def answer(self, message: bytes) -> bytes | None:  # noqa: ARG002
        """Return what has to be sent in answer to a message without a stamp, `None` for nothing."""
        return None

    def is_ping(self, message: bytes) -> bool:
        """Tell of a message without a stamp whether it only keeps the connection alive; what has an answer does."""
        return self.answer(message) is not None

    def heartbeat(self) -> bytes:
        """Return what a client sends every `heartbeat_every_s` seconds."""
        return b""


def unexpected(wanted: str) -> ConnectError:
    """Return the error of a server that answered something else while a user joined; what came is added to it."""
    return ConnectError(f"joining, {wanted} was awaited, and something else came; is the protocol the right one?")
