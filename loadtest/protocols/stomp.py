"""STOMP 1.2 over WebSocket (https://stomp.github.io/stomp-specification-1.2.html), as RabbitMQ and others speak it.

Heartbeats are declined (`heart-beat:0,0`). A frame ends with a null byte; end-of-lines alone are heartbeats.
"""

from __future__ import annotations

from loadtest.protocols.driver import Driver, Identity, Joining, unexpected

END = b"\x00"


class Stomp(Driver):
    """Sends to and subscribes to a `destination`; `login` and `passcode` are the broker's, `host` its virtual host."""

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
        headers = {"destination": destination, "content-type": "text/plain"}
        self._before = _frame("SEND", headers)[: -len(END)]

    def join(self, identity: Identity) -> Joining:  # noqa: ARG002
        """Connect, and subscribe with a receipt."""
        yield self._connect
        yield from _await_command(b"CONNECTED")
        yield _frame("SUBSCRIBE", {"id": "0", "destination": self._destination, "receipt": "joined"})
        yield from _await_command(b"RECEIPT")

    def wrap(self, text: bytes) -> bytes:
        """Return the frame that sends the text."""
        return self._before + text + END


def _frame(command: str, headers: dict[str, str]) -> bytes:
    lines = [command, *(f"{name}:{value}" for name, value in headers.items())]
    return "\n".join(lines).encode() + b"\n\n" + END


def _await_command(wanted: bytes) -> Joining:
    while not (answer := (yield None)).lstrip(b"\r\n").startswith(wanted):
        if answer.startswith(b"ERROR"):
            raise unexpected(f"STOMP's {wanted.decode()}")
