"""How a user joins a server: the values that a path, a header and a sub-protocol may have."""

from __future__ import annotations

import re
from collections.abc import Iterable

from loadtest.errors import OptionError

USER = "{user}"
"""Stands for a user's name, in a path or in a header's value."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A name in HTTP (RFC 9110, section 5.6.2)."""
_PATH = re.compile(r"/[!-\"$-~]*")
_HANDSHAKE = re.compile(r"host|connection|upgrade|content-length|transfer-encoding|sec-websocket-.*", re.IGNORECASE)
"""Headers that the handshake sets (RFC 6455, section 4.1), or that a request without a body does not have."""


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


def check_that_users_have_names(path: str, headers: Iterable[str]) -> None:
    """Check that no two users join alike.

    Raises:
        OptionError: neither the path nor a header says a user's name.

    """
    if not any(USER in text for text in (path, *headers)):
        raise OptionError(
            f"no user would have a name: write {USER} where it goes, in --url-path as in '/ws/{USER}', not {path!r}, "
            f"or in a --header as in 'X-User: {USER}'"
        )
