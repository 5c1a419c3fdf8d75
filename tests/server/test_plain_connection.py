"""The room under uvicorn with uvicorn's own WebSocket protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from websockets.asyncio.client import connect

from server.app import create_app
from server.lifecycle import bind
from server.rooms import Rooms
from server.settings import Settings
from server.strategies import STRATEGIES
from server.testing.chat_user import User, join, wait_until

TEXTS = [str(n) for n in range(100)]


@asynccontextmanager
async def serve_plainly(strategy: str) -> AsyncIterator[tuple[Rooms, str]]:
    app = create_app(Settings(strategy=strategy))
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, ws="websockets-sansio", log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await wait_until(lambda: server.started)
        host, port = listener.getsockname()
        yield app.state.rooms, f"ws://{host}:{port}/chat?user_id="
    finally:
        server.should_exit = True
        await serving


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_room_works(strategy: str) -> None:
    async def say_all(user: User) -> None:
        for text in TEXTS:
            await user.say(text)

    async with serve_plainly(strategy) as (rooms, url), join(f"{url}alice") as alice:
        async with join(f"{url}bob") as bob:
            await asyncio.gather(*(say_all(user) for user in (alice, bob)))
            for user in (alice, bob):
                heard = await user.hear_said(2 * len(TEXTS))
                for name in ("alice", "bob"):
                    assert [message.text for message in heard if message.sender == name] == TEXTS
        await alice.hear_notice("bob left")
        await wait_until(lambda: rooms.counters.deliveries_out == 4 * len(TEXTS))


async def test_binary_frame_ends_the_connection() -> None:
    async with serve_plainly("coalesced") as (_, url), join(f"{url}alice") as alice:
        await alice.connection.send(b"bytes")
        assert await alice.close_code() == 1003


async def test_member_whose_queue_grows_is_kicked() -> None:
    async with (
        serve_plainly("queue") as (rooms, url),
        join(f"{url}alice") as alice,
        connect(f"{url}slow", compression=None, proxy=None, max_queue=1) as connection,
    ):
        slow = User(connection)
        await slow.hear_notice("slow joined")
        while not any(member.kicked for member in rooms.members()):
            await alice.say("x" * 60_000)
            await alice.hear_said(1)
        assert await slow.close_code() == 1013
        await alice.hear_notice("slow left")
        assert rooms.counters.kicked == 1
