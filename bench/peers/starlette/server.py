"""A chat room on Starlette, for any ASGI server: `WS /chat?user_id=NAME`; each member's send is awaited in turn."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

room: set[WebSocket] = set()


async def chat(websocket: WebSocket) -> None:
    """Pass on what a member says, also to itself."""
    await websocket.accept()
    room.add(websocket)
    user = websocket.query_params["user_id"]
    try:
        while True:
            message = json.dumps({"sender": user, "text": await websocket.receive_text()})
            for member in tuple(room):
                await member.send_text(message)
    except (WebSocketDisconnect, RuntimeError):  # RuntimeError: another member had gone
        pass
    finally:
        room.discard(websocket)


app = Starlette(routes=[WebSocketRoute("/chat", chat)])
