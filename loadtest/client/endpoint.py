"""How a user joins a server: the values that a path, a header and a sub-protocol may have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.errors import OptionError
from loadtest.protocols.driver import LOBBY, ROOM, SINCE, Bookmark, Driver
from loadtest.protocols.plain import Plain

PLAIN = Plain()
USER, TOKEN = "{user}", "{token}"
"""Stand for a user's name and its token, in a path or in a header's value; `ROOM` does for its room."""
_PLACE = re.compile(r"\{\w+\}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A name in HTTP (RFC 9110, section 5.6.2)."""
_PATH = re.compile(r"/[!-\"$-~]*")
_HANDSHAKE = re.compile(r"host|connection|upgrade|content-length|transfer-encoding|sec-websocket-.*", re.IGNORECASE)
"""Headers that the handshake sets (RFC 6455, section 4.1), or that a request without a body does not have."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How users join a server, and what its messages look like.

    `authority` is a file of certificates (PEM) that the server's has to be signed by, the system's if it is empty; an
    `is_insecure` connection takes any certificate. `tokens` has one a user. If it `resumes`, who comes back says how
    far it has read.
    """

    url_path: str = PLAIN.url_path
    headers: tuple[tuple[str, str], ...] = ()
    subprotocol: str = ""
    driver: Driver = PLAIN
    tokens: tuple[str, ...] = ()
    authority: str = ""
    is_insecure: bool = False
    has_echo: bool = True
    resumes: bool = False

    def bookmark(self) -> Bookmark | None:
        """Return what follows how far a new user has read; `None` where users do not resume."""
        return self.driver.bookmark() if self.resumes else None

    @property
    def has_rooms(self) -> bool:
        """Whether users say which room they join."""
        return self.driver.has_rooms or any(
            ROOM in text for text in (self.url_path, *(value for _, value in self.headers))
        )


def room_name(room: int, rooms: int) -> str:
    """Return the name by which users join a room, from 0; those of a swarm with one room are in the lobby."""
    return LOBBY if rooms == 1 else f"room{room:06d}"


def url_path(text: str) -> str:
    """Return a path, perhaps with a query, as it was given.

    Raises:
        OptionError: it is none, or has characters that are to be percent-encoded.

    """
    if not _PATH.fullmatch(text):
        raise OptionError(
            f"--url-path must begin with '/' and be of printable ASCII without spaces and '#', not {text!r}; "
            f"write as in '/chat?user_id={USER}', and other characters as in %20"
        )
    return text


def header(text: str) -> tuple[str, str]:
    """Read `Name: value`.

    Raises:
        OptionError: it is something else, or a header of the handshake itself.

    """
    name, colon, value = text.partition(":")
    if not colon or not _TOKEN.fullmatch(name) or not value.strip().isprintable():
        raise OptionError(f"{text!r} is no header; write as in 'Authorization: Bearer abc'")
    if _HANDSHAKE.fullmatch(name):
        raise OptionError(
            f"the header {name!r} is set by the handshake and cannot be given; leave it out "
            "(the address says the host, --subprotocol the sub-protocol)"
        )
    return name, value.strip()


def subprotocol(text: str) -> str:
    """Return the name of a sub-protocol as it was given; empty for none.

    Raises:
        OptionError: it is no name in HTTP.

    """
    if text and not _TOKEN.fullmatch(text):
        raise OptionError(f"{text!r} is no sub-protocol; give one name without spaces and commas, as in chat.v2")
    return text


def check_places(path: str, headers: Iterable[str]) -> None:
    """Check that only a user's name, its token and its room are asked for.

    Raises:
        OptionError: the path or a header has another `{place}`.

    """
    for text in (path, *headers):
        if wrong := [place for place in _PLACE.findall(text) if place not in (USER, TOKEN, ROOM, SINCE)]:
            raise OptionError(
                f"unknown place {wrong[0]} in {text!r}; a user's name goes where {USER} is, its token at {TOKEN}, "
                f"its room at {ROOM}"
            )
