"""A server in a thread that refuses whom it is asked to, or lets them in and then does as it likes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

LIMIT_S = 300


@contextmanager
def rude_server(
    member: Callable[[ServerConnection], None] = lambda _: None, refusal: Response | None = None
) -> Iterator[str]:
    """Serve until the end of the block; yields the address. Each that is let in is handed to `member`."""

    def answer(_connection: ServerConnection, _request: Request) -> Response | None:
        return refusal

    with serve(member, "127.0.0.1", 0, process_request=answer, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(LIMIT_S)


def response(status: int, phrase: str, body: bytes = b"", **headers: str) -> Response:
    """Return an answer to a request to join."""
    return Response(status, phrase, Headers({"Content-Length": str(len(body)), **headers}), body)


def close_at_once(member: ServerConnection) -> None:
    """Close as a server does that finds no token."""
    member.close(4001, "unauthorised")
