"""The server in a test's own event loop, where its tasks and objects can be counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.lifecycle import ChatServer, bind
from server.settings import Settings
from server.testing.chat_user import wait_until


@asynccontextmanager
async def serve_here(settings: Settings, ping_interval_s: float = 20.0) -> AsyncIterator[tuple[ChatServer, str]]:
    """Serve on a free port of 127.0.0.1 until the end of the block; yield it and `host:port`."""
    listener = bind("127.0.0.1", 0)
    host, port = listener.getsockname()
    server = ChatServer(settings)
    server.config.ws_ping_interval = server.config.ws_ping_timeout = ping_interval_s
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await wait_until(lambda: server.started)
        yield server, f"{host}:{port}"
    finally:
        server.should_exit = True
        await serving
