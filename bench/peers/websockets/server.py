"""A chat room on `websockets` alone, with its `broadcast()`: `PORT`."""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

room: set[ServerConnection] = set()


async def chat(member: ServerConnection) -> None:
    """Pass on what a member says, also to itself."""
    assert member.request is not None
    (user,) = parse_qs(urlsplit(member.request.path).query)["user_id"]
    room.add(member)
    try:
        async for text in member:
            broadcast(room, json.dumps({"sender": user, "text": text}))
    finally:
        room.discard(member)


async def main() -> None:
    """Serve until killed."""
    async with serve(chat, "127.0.0.1", int(sys.argv[1]), compression=None, backlog=2048):
        await asyncio.Event().wait()


uvloop.run(main())
