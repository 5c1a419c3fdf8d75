"""A chat room on python-socketio, for uvicorn."""

from __future__ import annotations

import socketio

server = socketio.AsyncServer(async_mode="asgi", logger=False, engineio_logger=False, http_compression=False)


@server.event
async def message(_sid: str, text: str) -> None:
    """Pass on what a member says, also to itself."""
    await server.emit("message", text)


app = socketio.ASGIApp(server)
