"""The contract of a protocol's driver: how a user joins, how a text is wrapped, and what has to be answered."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from urllib.parse import quote

from websockets.frames import Opcode

from loadtest.errors import ConnectError

LOBBY = "lobby"
"""The room of users that are all in one."""
ROOM = "{room}"
"""Stands for the name of a user's room, in a path, a header or a protocol's templates."""


SINCE = "{since}"
"""Stands for how far a user has read that comes back; empty for one that comes for the first time."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who joins: a user's name, its token where users have tokens, the name of its room, and how far it has read."""

    user: str
    token: str = ""
    room: str = LOBBY
    since: str = ""

    def fill(self, template: str) -> str:
        """Put them in the places of `{user}`, `{token}`, `{room}` and `{since}`."""
        places = {"{user}": self.user, "{token}": self.token, ROOM: self.room, SINCE: self.since}
        for place, text in places.items():
            template = template.replace(place, text)
        return template

    def fill_path(self, template: str) -> str:
        """Put them there percent-encoded, as a path needs them."""
        texts = (self.user, self.token, self.room, self.since)
        return Identity(*(quote(text, safe="") for text in texts)).fill(template)

    def without_token(self, text: str) -> str:
        """Return a text with `{token}` in the place of the token, also of one that JSON or an address escapes."""
        if not self.token:
            return text
        written = {self.token, json.dumps(self.token)[1:-1], quote(self.token), quote(self.token, safe="")}
        for token in sorted(written, key=len, reverse=True):
            text = text.replace(token, "{token}")
        return text


class Bookmark(ABC):
    """How far one user has read, from the bytes of its reads, on one connection after another."""

    @property
    @abstractmethod
    def since(self) -> str:
        """What the server has to be told to go on from there; empty while that is not known."""

    @abstractmethod
    def read(self, data: bytes) -> None:
        """Take what was read: parts of frames, in order."""

    @abstractmethod
    def reconnect(self) -> None:
        """Begin with a new connection."""


Joining = Generator[bytes | None, bytes, None]
"""Yields a message to send, or `None` to await the server's next one, which is what `yield` then returns."""


class Driver(ABC):
    """How one protocol looks on the wire; one driver serves all users of a swarm.

    `opcode` is that of the frames that carry messages, both ways. `url_path` and `subprotocol` are those of a server
    that follows the protocol's customs. `has_echo` tells whether a message comes back to its sender, `has_pings`
    whether the server sends messages that nobody said, and `heartbeat_every_s` how often it expects `heartbeat()`; 0
    for never. `has_rooms`: joining, or each message, names the user's room, so that a path need not. `room_query` and
    `resume_query` are what `url_path` has besides for users in several rooms, and for users that come back.
    """

    opcode: Opcode = Opcode.TEXT
    url_path: str = "/"
    subprotocol: str = ""
    has_echo: bool = True
    has_pings: bool = False
    heartbeat_every_s: float = 0.0
    has_rooms: bool = False
    room_query: str = ""
    resume_query: str = ""

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

    def wrap_in(self, room: str) -> Callable[[bytes], bytes]:  # noqa: ARG002
        """Return what wraps the texts of a room's members; the same for all rooms unless messages name theirs."""
        return self.wrap

    def answer(self, message: bytes) -> bytes | None:  # noqa: ARG002
        """Return what has to be sent in answer to a message without a stamp, `None` for nothing."""
        return None

    def is_ping(self, message: bytes) -> bool:
        """Tell of a message without a stamp whether it only keeps the connection alive; what has an answer does."""
        return self.answer(message) is not None

    def bookmark(self) -> Bookmark | None:
        """Return what follows how far a user has read; `None` if the server does not let users resume."""
        return None

    def heartbeat(self) -> bytes:
        """Return what a client sends every `heartbeat_every_s` seconds."""
        return b""


def between(before: bytes, after: bytes, text: bytes) -> bytes:
    """Put a text between the two parts of a message."""
    return before + text + after


def unexpected(wanted: str) -> ConnectError:
    """Return the error of a server that answered something else while a user joined; what came is added to it."""
    return ConnectError(f"joining, {wanted} was awaited, and something else came; is the protocol the right one?")
