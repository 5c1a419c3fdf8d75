"""A chat room on Tornado: `PORT`; messages are written without waiting, as its examples do."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import ClassVar

from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler


class Chat(WebSocketHandler):
    """Passes on what it hears, also to itself."""

    room: ClassVar[set[Chat]] = set()

    def check_origin(self, origin: str) -> bool:  # noqa: ARG002
        """Let everybody in."""
        return True

    def open(self) -> None:
        """Join."""
        self.set_nodelay(True)
        Chat.room.add(self)

    def on_close(self) -> None:
        """Leave."""
        Chat.room.discard(self)

    def on_message(self, message: str | bytes) -> None:
        """Say."""
        said = json.dumps({"sender": self.get_query_argument("user_id"), "text": message})
        for member in Chat.room:
            try:
                member.write_message(said)
            except WebSocketClosedError:
                continue


async def main() -> None:
    """Serve until killed."""
    Application([("/chat", Chat)], log_function=lambda _: None).listen(int(sys.argv[1]), "127.0.0.1", backlog=2048)
    await asyncio.Event().wait()


asyncio.run(main())
