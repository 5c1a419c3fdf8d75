"""ASGI middleware that runs a WebSocket's handler outside the layers of the web framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

SCOPE_KEY = "chatroom.deferred_handler"


class DeferredHandler:
    """Runs the handler that a WebSocket endpoint has deferred, once the endpoint has returned.

    A handler may run for hours. Inside the endpoint it would keep some fifteen coroutine frames and three exit stacks
    alive for each idle user, and every message would be handed down through all of them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, then the handler that it deferred, if any."""
        await self._app(scope, receive, send)
        handler = scope.pop(SCOPE_KEY, None)
        if handler is not None:
            await handler()


def defer(websocket: WebSocket, handler: Callable[[], Awaitable[None]]) -> None:
    """Have a handler run after the endpoint of this WebSocket has returned."""
    websocket.scope[SCOPE_KEY] = handler
