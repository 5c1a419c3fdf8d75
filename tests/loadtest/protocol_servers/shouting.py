"""The server of docs/protocols.md's tutorial: it greets, wants a name, and passes on what follows `SAY `: `PORT`."""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

members: set[ServerConnection] = set()


async def attend(member: ServerConnection) -> None:
    """Serve one member."""
    await member.send("HELLO")
    if not str(await member.recv()).startswith("NAME "):
        return
    members.add(member)
    try:
        async for said in member:
            broadcast(members, f"<{str(said).removeprefix('SAY ')}>")
    finally:
        members.discard(member)


async def main() -> None:
    """Serve until killed."""
    async with serve(attend, "127.0.0.1", int(sys.argv[1]), compression=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
