"""A chat room on picows (Cython): `PORT`."""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

room: set[WSTransport] = set()


class Member(WSListener):  # type: ignore[misc]
    """Passes on what it hears, also to itself."""

    def __init__(self, user: str) -> None:
        self.user = user

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Join."""
        room.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Leave."""
        room.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Say, or answer a ping or a close."""
        if frame.msg_type == WSMsgType.TEXT:
            message = json.dumps({"sender": self.user, "text": frame.get_payload_as_utf8_text()}).encode()
            for member in room:
                member.send(WSMsgType.TEXT, message)
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


def listener(request: WSUpgradeRequest) -> Member:
    """Make the member of a request."""
    path = bytes(request.path).decode()
    return Member(parse_qs(urlsplit(path).query)["user_id"][0])


async def main() -> None:
    """Serve until killed."""
    server = await ws_create_server(listener, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()


asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.run(main())
