"""Reads a server's reply to the request to upgrade a connection to WebSocket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http import HTTPStatus

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.protocol import OPEN

from loadtest.client.connect import ANCILLARY_BYTES, READ_BYTES, READABLE, wait_for
from loadtest.client.printable import printable
from loadtest.client.tls import Tls
from loadtest.errors import ConnectError

_UPGRADED, _OLD = b"HTTP/1.1 101 ", b"HTTP/1.0 "


def read_reply(
    connection: socket.socket, protocol: ClientProtocol, tls: Tls | None, deadline: float, mask: Callable[[str], str]
) -> tuple[bytes, bytes | None]:
    """Read the reply while other greenlets run; return what came after it, and that read's receive time (a timespec).

    `mask` takes secrets out of what may be shown.

    Raises:
        ConnectError: the server refused, or `deadline`, in seconds of the monotonic clock, has passed.
        OSError: the connection broke.

    """
    reply, received = b"", None
    while True:
        head, end, rest = reply.partition(b"\r\n\r\n")
        if end:  # a refusal is handed over below
            protocol.receive_data(head + end)
        if protocol.state is OPEN:
            return rest, received
        if protocol.handshake_exc is not None:
            raise ConnectError(_refusal(protocol, mask))
        wait_for(connection, READABLE, deadline, "upgrade")
        data, ancillary, _, _ = connection.recvmsg(READ_BYTES, ANCILLARY_BYTES)
        received = ancillary[0][2] if ancillary and tls is None else None
        reply += tls.decrypt(data) if tls else data
        if tls and tls.error:
            raise ConnectError(f"TLS: {tls.error}")
        is_refused = len(reply) >= len(_UPGRADED) and not reply.startswith(_UPGRADED)
        if is_refused or not data:
            # Of the version before, which some servers refuse with, the parser knows nothing.
            protocol.receive_data(reply.replace(b"HTTP/1.0 ", b"HTTP/1.1 ", 1) if reply.startswith(_OLD) else reply)
            reply = b""
        if not data:
            protocol.receive_eof()


_OTHER_HINT = "see what it asks for; --url-path, --header and --subprotocol say what it gets"
_HINTS = {
    401: "give what it asks for (--header)",
    403: "see whether it wants another path, a token or an Origin (--url-path, --header)",
    404: "give the path of its chat room (--url-path)",
    409: "it has a user of this name; is another swarm running?",
    503: "it is full or overloaded; have fewer users, or let them join more slowly (-r)",
}


def _refusal(protocol: ClientProtocol, mask: Callable[[str], str]) -> str:
    error, uri = protocol.handshake_exc, protocol.uri
    url = mask(f"{'wss' if uri.secure else 'ws'}://{uri.host}:{uri.port}{uri.resource_name}")
    if not isinstance(error, InvalidStatus):
        return f"no WebSocket server replied at {url}: {printable(mask(str(error)))}; check --host and --url-path"
    response = error.response
    said = f"the server refused {url} with {response.status_code} {printable(mask(response.reason_phrase))}"
    locations = response.headers.get_all("Location")
    if _is_redirect(response.status_code) and locations:
        return f"{said}, to {printable(mask(locations[0]))}; give that address with --host/--url-path"
    body = printable(mask(bytes(response.body).decode(errors="replace")))
    return f"{said}{': ' if body else ''}{body}; {_HINTS.get(response.status_code, _OTHER_HINT)}"


def _is_redirect(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
