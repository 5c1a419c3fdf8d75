"""STOMP 1.2 over WebSocket (https://stomp.github.io/stomp-specification-1.2.html), as RabbitMQ and others speak it.

Heartbeats are declined (`heart-beat:0,0`). A frame ends with a null byte; end-of-lines alone are heartbeats.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from loadtest.protocols.driver import LOBBY, ROOM, Driver, Identity, Joining, between, unexpected

END = b"\x00"


class Stomp(Driver):
    """Sends to and subscribes to a `destination`; `login` and `passcode` are the broker's, `host` its virtual host.

    A `{room}` in the destination is the name of the user's room.
    """

    url_path = "/ws"
    subprotocol = "v12.stomp"

    def __init__(
        self, destination: str = "/topic/chat", login: str = "guest", passcode: str = "guest", host: str = "/"
    ) -> None:
        self._destination = destination
        self._connect = _frame(
            "CONNECT",
            {"accept-version": "1.2", "host": host, "heart-beat": "0,0", "login": login, "passcode": passcode},
        )
        self.has_rooms = ROOM in destination

    def join(self, identity: Identity) -> Joining:
        """Connect, and subscribe with a receipt."""
        yield self._connect
        yield from _await_command(b"CONNECTED")
        destination = self._destination.replace(ROOM, identity.room)
        yield _frame("SUBSCRIBE", {"id": "0", "destination": destination, "receipt": "joined"})
        yield from _await_command(b"RECEIPT")

    def wrap(self, text: bytes) -> bytes:
        """Return the frame that sends the text."""
        return self.wrap_in(LOBBY)(text)

    def wrap_in(self, room: str) -> Callable[[bytes], bytes]:
        """Return what makes that frame for a room's destination."""
        headers = {"destination": self._destination.replace(ROOM, room), "content-type": "text/plain"}
        return partial(between, _frame("SEND", headers)[: -len(END)], END)


def _frame(command: str, headers: dict[str, str]) -> bytes:
    lines = [command, *(f"{name}:{value}" for name, value in headers.items())]
    return "\n".join(lines).encode() + b"\n\n" + END


def _await_command(wanted: bytes) -> Joining:
    while not (answer := (yield None)).lstrip(b"\r\n").startswith(wanted):
        if answer.startswith(b"ERROR"):
            raise unexpected(f"STOMP's {wanted.decode()}")
