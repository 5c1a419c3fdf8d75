"""Action Cable, the protocol of Rails (`actioncable-v1-json`).

A server sends `{"type":"welcome"}`, confirms a subscription, and pings every 3 s, which nobody answers. Source:
https://docs.anycable.io/misc/action_cable_protocol.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from loadtest.errors import OptionError
from loadtest.protocols.driver import LOBBY, ROOM, Driver, Identity, Joining, between, unexpected

NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class ActionCable(Driver):
    """Performs `action` of a channel with `{"text": ...}`; the channel broadcasts what it is given.

    `params` are those of the subscription beside the channel's name, as in `room = "{room}"`.
    """

    url_path = "/cable"
    subprotocol = "actioncable-v1-json"
    has_pings = True

    def __init__(
        self, channel: str = "ChatChannel", action: str = "speak", params: Mapping[str, str] = NO_PARAMETERS
    ) -> None:
        if not all(isinstance(value, str) for value in params.values()):
            raise OptionError(f"params of 'actioncable' must be texts, not {dict(params)}; write as in room = '{ROOM}'")
        self._channel = {"channel": channel, **params}
        self._action = action
        self.has_rooms = any(ROOM in value for value in params.values())

    def join(self, identity: Identity) -> Joining:
        """Await the welcome, and subscribe to the channel."""
        yield from _await_type("welcome")
        yield json.dumps({"command": "subscribe", "identifier": self._identifier(identity.room)}).encode()
        yield from _await_type("confirm_subscription")

    def wrap(self, text: bytes) -> bytes:
        """Return the command that performs the action."""
        return self.wrap_in(LOBBY)(text)

    def wrap_in(self, room: str) -> Callable[[bytes], bytes]:
        """Return what makes that command for a room's subscription."""
        inner = json.dumps({"action": self._action, "text": "{text}"})
        message = json.dumps({"command": "message", "identifier": self._identifier(room), "data": inner})
        before, after = (part.encode() for part in message.split("{text}"))
        return partial(between, before, after)

    def is_ping(self, message: bytes) -> bool:
        """Tell a ping, which nobody answers."""
        return _type_of(message) == "ping"

    def _identifier(self, room: str) -> str:
        return json.dumps({name: value.replace(ROOM, room) for name, value in self._channel.items()})


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
