"""A chat in JSON, or in MessagePack with `--msgpack`: users join with a message, and answer the server's pings."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve

PING_S = 0.3
PATIENCE_S = 5.0


class Rooms:
    """One room. A member that does not answer pings for `PATIENCE_S` is turned out."""

    def __init__(
        self, encode: Callable[[Any], str | bytes], decode: Callable[[str | bytes], Any], *, echoes: bool
    ) -> None:
        self._encode, self._decode, self._echoes = encode, decode, echoes
        self._members: dict[ServerConnection, str] = {}

    async def attend(self, member: ServerConnection) -> None:
        """Let a user in that says who it is, and pass on what it says."""
        first = self._decode(await member.recv())
        if first.get("type") != "join" or not first.get("user"):
            await member.send(self._encode({"type": "refused", "why": "say who you are"}))
            return
        await member.send(self._encode({"type": "joined", "members": len(self._members) + 1}))
        self._members[member] = first["user"]
        answered = asyncio.Event()
        pinging = asyncio.create_task(self._ping(member, answered))
        try:
            async for raw in member:
                said = self._decode(raw)
                if said["type"] == "pong":
                    answered.set()
                    continue
                message = self._encode({"type": "said", "by": first["user"], "body": {"text": said["text"]}, "n": 65})
                for other in tuple(self._members):
                    if self._echoes or other is not member:
                        await other.send(message)
        finally:
            pinging.cancel()
            del self._members[member]

    async def _ping(self, member: ServerConnection, answered: asyncio.Event) -> None:
        while True:
            answered.clear()
            await member.send(self._encode({"type": "ping"}))
            try:
                await asyncio.wait_for(answered.wait(), PATIENCE_S)
            except TimeoutError:
                await member.close(4000, "you do not answer")
                return
            await asyncio.sleep(PING_S)


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--msgpack", action="store_true")
    parser.add_argument("--no-echo", action="store_true")
    flags = parser.parse_args()
    codec: Any = (msgspec.msgpack.encode, msgspec.msgpack.decode) if flags.msgpack else (json.dumps, json.loads)
    rooms = Rooms(*codec, echoes=not flags.no_echo)
    async with serve(rooms.attend, "127.0.0.1", flags.port, compression=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
