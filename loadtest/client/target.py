"""Where the swarm connects: a server's address, its path with the user's name in it, and TLS."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import gevent.socket
from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from loadtest.errors import OptionError

SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Target:
    """A resolved server; `addresses` are `(family, socket address)` in the order to try them."""

    base: str
    path: str
    addresses: tuple[tuple[int, Any], ...]
    tls: ssl.SSLContext | None
    headers: tuple[tuple[str, str], ...] = ()
    subprotocol: str = ""

    def uri(self, user: str) -> WebSocketURI:
        """Return the URI that `user` joins at."""
        return parse_uri(self.base + self.path.replace("{user}", quote(user, safe="")))


def resolve(host: str, path: str, headers: Sequence[tuple[str, str]] = (), subprotocol: str = "") -> Target:
    """Resolve `--host` (ws, wss, http or https) and `--url-path` once for all users.

    `headers` and `subprotocol` go into each request to join; `{user}` in a header's value is the user's name.

    Raises:
        OptionError: the host is not such an address, or host and path together are not a WebSocket's.
        OSError: the name cannot be resolved.

    """
    parts = urlsplit(host)
    if parts.scheme not in SCHEMES or not parts.hostname:
        allowed = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise OptionError(f"invalid --host {host!r}; use one of {allowed} as in ws://127.0.0.1:8000")
    if not path.startswith("/"):
        raise OptionError(f"--url-path must begin with '/', not {path!r}; use a path as in '/chat?user_id={{user}}'")
    base = f"{SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}"
    try:
        uri = parse_uri(base + path.replace("{user}", "u000000"))
    except InvalidURI as error:
        raise OptionError(f"--host and --url-path make an invalid address: {error}; omit any '#' and after") from error
    found = gevent.socket.getaddrinfo(uri.host, uri.port, type=gevent.socket.SOCK_STREAM)
    return Target(
        base=base,
        path=path,
        addresses=tuple((family, address) for family, _, _, _, address in found),
        tls=ssl.create_default_context() if uri.secure else None,
        headers=tuple(headers),
        subprotocol=subprotocol,
    )
