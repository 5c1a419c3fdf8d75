"""Which hosts and which web pages may reach the server: the checks that keep foreign pages out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from server.errors import RefusedError

ANY = "*"
_HOST_NAME = re.compile(r"[0-9A-Za-z_]([0-9A-Za-z_.-]*[0-9A-Za-z_])?")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Access:
    """Checks `Host` and `Origin` (RFC 6454; RFC 6455, section 10.2).

    A host may be an IP address, `localhost`, the name the server listens on, or one of `allowed_hosts`: a page on a
    foreign name that is made to point here (DNS rebinding) is refused. A browser's page may join from the same host and
    port, or from one of `allowed_origins`. A client that sends no `Origin` is no browser and may. `*` allows all.
    Where the server itself `is_encrypted` its pages are; else a proxy may be what encrypts them.
    """

    def __init__(
        self, host: str, allowed_hosts: Iterable[str], allowed_origins: Iterable[str], *, is_encrypted: bool = False
    ) -> None:
        self._schemes = ["https"] if is_encrypted else list(DEFAULT_PORTS)
        self._hosts = {name.lower() for name in (host, "localhost", *allowed_hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in allowed_origins}

    def check_host(self, host: str | None) -> None:
        """Check a `Host` header; a client of HTTP/1.0 may leave it out, a browser does not.

        Raises:
            RefusedError: 400 the host is not allowed.

        """
        if host is None:
            return
        name = _split(f"//{host}")
        if name is None or not name.hostname or not self._is_allowed(name.hostname):
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                f"host {host!r} is not allowed; start the server with --allowed-host {_or(name, 'NAME')}",
            )

    def check_origin(self, origin: str | None, host: str) -> None:
        """Check an `Origin` header of a request for `host`.

        Raises:
            RefusedError: 403 the origin is not allowed.

        """
        if origin is None or ANY in self._origins or origin.lower() in self._origins:
            return
        from_page, here = _split(origin), _split(f"//{host}")
        if from_page is None or here is None or from_page.scheme not in self._schemes:
            is_same = False
        else:
            default = DEFAULT_PORTS[from_page.scheme]
            is_same = (from_page.hostname, from_page.port or default) == (here.hostname, here.port or default)
        if not is_same:
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                f"origin {origin!r} is not allowed; join from a page of this server, or start it with "
                "--allowed-origin SCHEME://HOST[:PORT]",
            )

    def _is_allowed(self, name: str) -> bool:
        return ANY in self._hosts or name in self._hosts or _is_address(name)


def check_host_setting(name: str) -> str:
    """Return an allowed host as it was given.

    Raises:
        ValueError: it is neither `*` nor a name or an address alone, as a `Host` header has it.

    """
    if name != ANY and not _HOST_NAME.fullmatch(name) and not _is_address(name):
        raise ValueError(
            f"bad host {name!r}; give a name alone, without a scheme, a port or a path, as in chat.example.org, or *; "
            "one that is not ASCII as in xn--bcher-kva.example"
        )
    return name


def check_origin_setting(origin: str) -> str:
    """Return an allowed origin as it was given.

    Raises:
        ValueError: it is neither `*` nor a scheme, a host and perhaps a port.

    """
    parts = _split(origin)
    is_origin = parts is not None and parts.scheme and parts.hostname and parts.path in ("", "/") and not parts.query
    if origin != ANY and not is_origin:
        raise ValueError(f"bad origin {origin!r}; give SCHEME://HOST[:PORT], as in https://chat.example.org, or *")
    return origin


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL; `None` where it is none, or its port is no number."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _or(parts: SplitResult | None, default: str) -> str:
    return (parts.hostname if parts is not None else None) or default


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
