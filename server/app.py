"""The FastAPI application: routes, middleware and lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import msgspec
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from websockets.frames import CloseCode

from server.access import Access
from server.deferred_handler import DeferredHandler, defer
from server.errors import RefusedError
from server.history import read_position
from server.member import Member
from server.rooms import Rooms
from server.settings import Settings
from server.static_files import StaticFiles
from server.telemetry import Stats, Telemetry
from server.telemetry.prometheus import Metrics

READ = ["GET", "HEAD"]

DENIAL = "websocket.http.response"
"""The ASGI extension by which a handshake may be answered with an HTTP response."""

MAX_REASON_BYTES = 123
"""Space for the reason in a close frame, beside its code (RFC 6455, section 5.5)."""

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
        StrategyError: there is no strategy of the name in `settings`.

    """
    telemetry = Telemetry(settings.strategy)
    rooms = Rooms(settings, telemetry.counters)
    files = StaticFiles()
    is_encrypted = settings.tls_certificate is not None
    access = Access(settings.host, settings.allowed_hosts, settings.allowed_origins, is_encrypted=is_encrypted)

    def read() -> Stats:
        return telemetry.stats(len(rooms), (member.buffered_bytes for member in rooms.members()))

    prometheus = Metrics(read)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with telemetry.watching():
            yield

    # No generated documentation: its page loads scripts from elsewhere.
    app = FastAPI(title="chatroom", lifespan=lifespan, openapi_url=None)
    app.state.rooms = rooms

    @app.middleware("http")
    async def check_host(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            access.check_host(request.headers.get("host"))
        except RefusedError as refused:
            response: Response = JSONResponse({"detail": str(refused)}, refused.status)
        else:
            response = await call_next(request)
        response.headers.update(SECURITY_HEADERS)
        return response

    app.add_middleware(DeferredHandler)

    @app.api_route("/", methods=READ)
    async def page() -> Response:
        return files.response("index.html")

    @app.api_route("/static/{name}", methods=READ)
    async def static(name: str) -> Response:
        return files.response(name)

    @app.api_route("/clients", methods=READ)
    async def clients(room: str | None = None) -> list[str]:
        return [member.name for member in rooms.members(room)]

    @app.api_route("/limits", methods=READ)
    async def limits() -> dict[str, int]:
        return {"max_message_bytes": settings.max_message_bytes}

    @app.api_route("/healthz", methods=READ)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.api_route("/stats", methods=READ)
    async def stats() -> Response:
        return Response(msgspec.json.encode(read()), media_type="application/json")

    @app.api_route("/metrics", methods=READ)
    async def metrics(request: Request) -> Response:
        body, content_type = prometheus.expose(request.headers.get("accept", ""))
        return Response(body, media_type=content_type)

    @app.websocket("/chat")
    async def chat(websocket: WebSocket, user_id: str = "", room: str = "lobby", since: str | None = None) -> None:
        member = Member(user_id, websocket)
        host = websocket.headers.get("host")
        try:
            access.check_host(host)
            access.check_origin(websocket.headers.get("origin"), host or "")
            position = read_position(since)
            rooms.reserve(room, user_id)
        except RefusedError as refused:
            await _refuse(websocket, refused)
        else:
            defer(websocket, partial(rooms.host, room, member, position))

    return app


async def _refuse(websocket: WebSocket, refused: RefusedError) -> None:
    """Refuse a join with the reason: in an HTTP response, or in a close frame if the server cannot send one."""
    if DENIAL in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(JSONResponse({"detail": str(refused)}, refused.status))
    else:
        await websocket.accept()
        await websocket.close(CloseCode.POLICY_VIOLATION, _truncate(str(refused), MAX_REASON_BYTES))


def _truncate(text: str, size_bytes: int) -> str:
    return text.encode()[:size_bytes].decode(errors="ignore")
