"""A chat on python-socketio: `PORT`. Its pings come often, so that a run sees several."""

from __future__ import annotations

import sys

import socketio
import uvicorn

PING_S = 1

server = socketio.AsyncServer(async_mode="asgi", ping_interval=PING_S, ping_timeout=15)


@server.event  # type: ignore[untyped-decorator]
async def connect(_sid: str, _environ: dict[str, object], auth: dict[str, str] | None = None) -> None:
    """Let in who has a token, or who is not asked for one."""
    if "--tokens" in sys.argv and not (auth or {}).get("token", "").startswith("secret-"):
        raise socketio.exceptions.ConnectionRefusedError("no token")


@server.event  # type: ignore[untyped-decorator]
async def message(_sid: str, text: str) -> None:
    """Pass on what a member says."""
    await server.emit("message", text)


if __name__ == "__main__":
    uvicorn.run(socketio.ASGIApp(server), port=int(sys.argv[1]), log_level="warning")
