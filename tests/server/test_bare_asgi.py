"""The room under an ASGI server that offers no extensions at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from server.app import create_app
from server.message import Message
from server.settings import Settings
from server.strategies import STRATEGIES


class Connection:
    """One connection as such a server has it: the events it passes in, and those that came out."""

    def __init__(self, app: FastAPI, query: str) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "path": "/chat",
            "raw_path": b"/chat",
            "root_path": "",
            "query_string": query.encode(),
            "headers": [],
            "subprotocols": [],
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app(scope, self._incoming.get, self._outgoing.put))

    def say(self, text: str) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            event: dict[str, Any] = await self._outgoing.get()
            return event

    async def hear(self) -> tuple[str, str]:
        """Return who says what."""
        message = msgspec.json.decode((await self.next())["text"], type=Message)
        return message.sender, message.text

    async def leave(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.task


@asynccontextmanager
async def serve(strategy: str) -> AsyncIterator[FastAPI]:
    app = create_app(Settings(strategy=strategy))
    async with app.router.lifespan_context(app):
        yield app


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_room_works(strategy: str) -> None:
    async with serve(strategy) as app:
        alice = Connection(app, "user_id=alice")
        assert (await alice.next())["type"] == "websocket.accept"
        assert await alice.hear() == ("@system", "alice joined")
        bob = Connection(app, "user_id=bob")
        assert (await bob.next())["type"] == "websocket.accept"
        assert await bob.hear() == await alice.hear() == ("@system", "bob joined")
        bob.say("hello")
        assert await bob.hear() == await alice.hear() == ("bob", "hello")
        await bob.leave()
        assert await alice.hear() == ("@system", "bob left")
        await alice.leave()
        assert app.state.rooms.members() == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "missing name; join with"),
        ("user_id=alice", "name 'alice' is taken in room 'lobby'; choose another name"),
        (f"user_id={chr(228) * 200}", "bad name"),
    ],
)
async def test_refused_join_gets_the_reason_in_the_close_frame(query: str, reason: str) -> None:
    async with serve("direct") as app:
        alice = Connection(app, "user_id=alice")
        await alice.next()
        refused = Connection(app, query)
        assert (await refused.next())["type"] == "websocket.accept"
        close = await refused.next()
        assert (close["type"], close["code"]) == ("websocket.close", 1008)
        assert close["reason"].startswith(reason)
        assert len(close["reason"].encode()) <= 123
        await refused.task
        await alice.leave()
