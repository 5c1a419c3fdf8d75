"""Action Cable, the protocol of Rails (`actioncable-v1-json`).

A server sends `{"type":"welcome"}`, confirms a subscription, and pings every 3 s, which nobody answers. Source:
https://docs.anycable.io/misc/action_cable_protocol.
"""

from __future__ import annotations

import json

from loadtest.protocols.driver import Driver, Identity, Joining, unexpected


class ActionCable(Driver):
    """Performs `action` of a channel with `{"text": ...}`; the channel broadcasts what it is given."""

    url_path = "/cable"
    subprotocol = "actioncable-v1-json"
    has_pings = True

    def __init__(self, channel: str = "ChatChannel", action: str = "speak") -> None:
        self._identifier = json.dumps({"channel": channel})
        inner = json.dumps({"action": action, "text": "{text}"})
        message = json.dumps({"command": "message", "identifier": self._identifier, "data": inner})
        self._before, self._after = (part.encode() for part in message.split("{text}"))

    def join(self, identity: Identity) -> Joining:  # noqa: ARG002
        """Await the welcome, and subscribe to the channel."""
        yield from _await_type("welcome")
        yield json.dumps({"command": "subscribe", "identifier": self._identifier}).encode()
        yield from _await_type("confirm_subscription")

    def wrap(self, text: bytes) -> bytes:
        """Return the command that performs the action."""
        return self._before + text + self._after

    def is_ping(self, message: bytes) -> bool:
        """Tell a ping, which nobody answers."""
        return _type_of(message) == "ping"


def _await_type(wanted: str) -> Joining:
    while True:
        answer = yield None
        kind = _type_of(answer)
        if kind == wanted:
            return
        if kind in ("reject_subscription", "disconnect") or (kind is None and wanted == "welcome"):
            raise unexpected(f"Action Cable's {wanted!r}")


def _type_of(message: bytes) -> str | None:
    try:
        found = json.loads(message)
    except ValueError:
        return None
    return found.get("type") if isinstance(found, dict) else None
