"""A chat server that lets in only who asks at its own path, with its header and its sub-protocol: `PORT` to run it."""

from __future__ import annotations

import asyncio
import http
import sys
from collections.abc import AsyncIterable

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

members: set[ServerConnection] = set()


async def chat(member: ServerConnection) -> None:
    """Pass on what a member says, also to itself."""
    members.add(member)
    try:
        incoming: AsyncIterable[str | bytes] = member
        async for text in incoming:
            broadcast(members, text)
    finally:
        members.discard(member)


def guard(connection: ServerConnection, request: Request) -> Response | None:
    """Refuse who does not name itself in the path and in the header alike."""
    room, _, user = request.path.rpartition("/")
    if room == "/rooms/one" and request.headers.get("X-User") == f"it is {user}":
        return None
    return connection.respond(http.HTTPStatus.FORBIDDEN, "name yourself\n")


async def main() -> None:
    """Serve until killed."""
    async with serve(chat, "127.0.0.1", int(sys.argv[1]), process_request=guard, subprotocols=[Subprotocol("chat.v2")]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
