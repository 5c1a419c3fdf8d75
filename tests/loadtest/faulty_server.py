"""A chat server with one known fault: `python faulty_server.py FAULT PORT [CERTIFICATE]`; port 0 picks a free one.

It wraps texts in its own way, so it is also somebody else's server. Every message has to be found out as what
the fault makes of it, exactly.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

LOSES_EVERY = REPEATS_EVERY = 50
HOLDS_BACK = 3
"""Of each sender's messages the one whose number ends in this digit is sent after its next one."""
KICKS_AFTER = 50

members: dict[str, ServerConnection] = {}
deliveries = 0
received = 0
held: dict[str, str] = {}


async def to_all(text: str, copies: Callable[[int], int] = lambda _: 1) -> None:
    global deliveries
    for member in list(members.values()):
        deliveries += 1
        with contextlib.suppress(ConnectionClosed):  # it is just going
            for _ in range(copies(deliveries)):
                await member.send(f"<b>{text}</b>")


async def honest(text: str, _: str) -> None:
    await to_all(text)


async def loses(text: str, _: str) -> None:
    await to_all(text, lambda count: 0 if count % LOSES_EVERY == 0 else 1)


async def repeats(text: str, _: str) -> None:
    await to_all(text, lambda count: 2 if count % REPEATS_EVERY == 0 else 1)


async def loses_and_repeats(text: str, _: str) -> None:
    await to_all(text, lambda count: {0: 0, 1: 2}.get(count % LOSES_EVERY, 1))


async def reorders(text: str, user: str) -> None:
    if text.split("|")[2].endswith(str(HOLDS_BACK)):
        held[user] = text
        return
    await to_all(text)
    if user in held:
        await to_all(held.pop(user))


async def kicks(text: str, _: str) -> None:
    if received == KICKS_AFTER:
        await members.pop(next(iter(members))).close(1008, "no reason")
    await to_all(text)


async def babbles(text: str, user: str) -> None:
    if received == KICKS_AFTER:
        members[user].transport.write(b"\x83\x00")  # an opcode that is not defined
    await to_all(text)


async def babbles_below_tls(text: str, user: str) -> None:
    if received == KICKS_AFTER:
        os.write(members[user].transport.get_extra_info("socket").fileno(), b"this is no record of TLS")
    await to_all(text)


async def fragments(text: str, _: str) -> None:
    for member in list(members.values()):
        await member.ping()
        await member.send([text[:20], text[20:]], text=True)


FAULTS = {
    function.__name__: function
    for function in (
        *(honest, loses, repeats, loses_and_repeats, reorders, kicks),
        *(babbles, babbles_below_tls, fragments),
    )
}


async def main(fault: str, port: int, certificate: str | None) -> None:
    async def chat(connection: ServerConnection) -> None:
        global received
        assert connection.request is not None
        user = connection.request.path.rpartition("/")[2]
        members[user] = connection
        try:
            async for text in connection:
                received += 1
                assert isinstance(text, str)
                await FAULTS[fault](text, user)
        finally:
            members.pop(user, None)

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    async with serve(chat, "127.0.0.1", port, ssl=context, compression=None) as server:
        print(f"ready on {server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201
        await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if sys.argv[3:] else None))
