"""ASGI middleware that takes a conversation out of the layers of the web framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

KEY = "chatroom.outlasting"


class Outlasting:
    """Runs what a WebSocket endpoint leaves to be run once it has returned; only then is the connection done.

    A conversation may last for hours. Inside the endpoint it would keep some fifteen coroutine frames and three exit
    stacks alive for each idle user, and every message would be handed down through all of them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, then what it left."""
        await self._app(scope, receive, send)
        conversation = scope.pop(KEY, None)
        if conversation is not None:
            await conversation()


def outlast(websocket: WebSocket, conversation: Callable[[], Awaitable[None]]) -> None:
    """Leave a conversation to be run when the endpoint of this WebSocket has returned."""
    websocket.scope[KEY] = conversation
