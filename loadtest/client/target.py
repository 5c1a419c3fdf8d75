"""Where the swarm connects: a server's address, its path with the user's name in it, and TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent.socket
from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from loadtest.client.endpoint import Endpoint
from loadtest.errors import OptionError
from loadtest.protocols.driver import LOBBY, Identity

DEFAULT_HOST = "ws://127.0.0.1:8000"
SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Target:
    """A resolved server; `addresses` are `(family, socket address)` in the order to try them."""

    base: str
    addresses: tuple[tuple[int, Any], ...]
    tls: ssl.SSLContext | None
    endpoint: Endpoint

    def identity(self, user: str, room: str = LOBBY, since: str = "") -> Identity:
        """Return who joins a room under a name, having read so far; users share tokens in turn where they are fewer."""
        number = int("".join(filter(str.isdigit, user)) or 0)
        tokens = self.endpoint.tokens
        return Identity(user, tokens[number % len(tokens)] if tokens else "", room, since)

    def uri(self, identity: Identity) -> WebSocketURI:
        """Return the URI that a user joins at."""
        return parse_uri(self.base + identity.fill_path(self.endpoint.url_path))


def resolve(host: str, endpoint: Endpoint) -> Target:
    """Resolve `--host` (ws, wss, http or https) and the path of an endpoint once for all users.

    Raises:
        OptionError: the host is not such an address, its name cannot be resolved, or a file of certificates is wrong.

    """
    path = endpoint.url_path
    base = _base(host)
    try:
        uri = parse_uri(base + Identity("u000000").fill_path(path))
        found = gevent.socket.getaddrinfo(uri.host, uri.port, type=gevent.socket.SOCK_STREAM)
    except InvalidURI as error:
        raise OptionError(f"--host {host!r} and --url-path {path!r} make an invalid address: {error}") from error
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise OptionError(
            f"the name in --host {host!r} cannot be resolved: {why}; check it, or give an address"
        ) from error
    return Target(
        base=base,
        addresses=tuple((family, address) for family, _, _, _, address in found),
        tls=_tls(endpoint) if uri.secure else None,
        endpoint=endpoint,
    )


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    """Return what a server's certificate is checked against."""
    try:
        context = ssl.create_default_context(cafile=endpoint.authority or None)
    except OSError as error:
        raise OptionError(f"--ca {endpoint.authority!r} cannot be used: {error}; give a file in PEM") from error
    if endpoint.is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _base(host: str) -> str:
    """Return what all addresses of a host begin with."""
    wrong = f"invalid --host {host!r}"
    try:
        parts = urlsplit(host)
        port = parts.port
    except ValueError as error:
        raise OptionError(f"{wrong}: {error}; write as in {DEFAULT_HOST} or ws://[::1]:8000") from error
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        allowed = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise OptionError(f"{wrong}; use one of {allowed} as in {DEFAULT_HOST}")
    if parts.query or parts.fragment:
        raise OptionError(f"{wrong}; leave out '?', '#' and what follows, and give a query in --url-path")
    return f"{SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}"
