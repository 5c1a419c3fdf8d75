"""The FastAPI application: routes and what runs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from server.member import Member
from server.rooms import RefusedError, Rooms
from server.settings import Settings
from server.telemetry import Telemetry

STATIC = Path(__file__).parent / "static"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(settings: Settings) -> FastAPI:
    """Return the chat room as an ASGI application; its `state.rooms` are the `Rooms`.

    Raises:
        ValueError: there is no strategy of the name in `settings`.

    """
    telemetry = Telemetry(settings.strategy)
    rooms = Rooms(settings, telemetry.counters)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as background:
            watch = background.create_task(telemetry.watch_loop())
            yield
            watch.cancel()

    # No generated documentation: its page loads scripts from elsewhere.
    app = FastAPI(title="chatroom", lifespan=lifespan, openapi_url=None)
    app.state.rooms = rooms
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.middleware("http")
    async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(SECURITY_HEADERS)
        return response

    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/clients")
    async def clients(room: str | None = None) -> list[str]:
        return [member.name for member in rooms.members(room)]

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/stats")
    async def stats() -> Response:
        return Response(msgspec.json.encode(telemetry.stats(rooms.members())), media_type="application/json")

    @app.websocket("/chat")
    async def chat(websocket: WebSocket, user_id: str = "", room: str = "lobby") -> None:
        try:
            with rooms.seat(room, user_id) as seat:
                await websocket.accept()
                await seat.host(Member(user_id, websocket.state.connection))
        except RefusedError as refused:
            await websocket.send_denial_response(JSONResponse({"detail": str(refused)}, refused.status))

    return app
