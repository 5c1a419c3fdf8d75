"""Socket.IO 5 over Engine.IO 4, on WebSocket from the start (no long polling).

Packets: https://socket.io/docs/v4/engine-io-protocol and https://socket.io/docs/v4/socket-io-protocol. Engine.IO: `0`
open, `2` ping from the server, `3` pong, `4` message. Socket.IO inside a message: `0` connect, `2` event, `4` error.
"""

from __future__ import annotations

import json

from loadtest.protocols.driver import ROOM, Driver, Identity, Joining, unexpected

OPEN, PING, PONG = b"0", b"2", b"3"
CONNECT, EVENT, CONNECT_ERROR = b"40", b"42", b"44"


class SocketIo(Driver):
    """Says a text with the event `event`; a user first emits `join_event`, where that is not empty.

    `join_value` is what it emits: its name, unless it is to tell its `{room}`, too.
    """

    url_path = "/socket.io/?EIO=4&transport=websocket"
    has_pings = True

    def __init__(self, event: str = "message", join_event: str = "", join_value: str = "{user}") -> None:
        self._before = EVENT + json.dumps([event, ""]).encode()[: -len('"]')]
        self._join_event = join_event
        self._join_value = join_value
        self.has_rooms = bool(join_event) and ROOM in join_value

    def join(self, identity: Identity) -> Joining:
        """Await the handshake of both layers, and announce oneself."""
        opened = yield None
        if not opened.startswith(OPEN):
            raise unexpected("Engine.IO's open packet (0{...})")
        yield CONNECT + (json.dumps({"token": identity.token}).encode() if identity.token else b"")
        while not (answer := (yield None)).startswith(CONNECT):
            if answer.startswith(CONNECT_ERROR):
                raise unexpected("Socket.IO's connect packet (40{...})")
        if self._join_event:
            yield EVENT + json.dumps([self._join_event, identity.fill(self._join_value)]).encode()

    def wrap(self, text: bytes) -> bytes:
        """Return the event with the text as its argument."""
        return self._before + text + b'"]'

    def answer(self, message: bytes) -> bytes | None:
        """Answer Engine.IO's pings: who does not is dropped after `pingTimeout` (20 s by default)."""
        return PONG if message == PING else None
