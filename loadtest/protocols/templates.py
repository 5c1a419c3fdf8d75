"""A protocol described without code: templates of what users send, and marks of what servers answer.

The description is a table of a TOML file (docs/protocols.md). In templates `{user}`, `{token}`, `{room}` and `{text}`
stand for a user's name, its token, its room and what it says. Where a message has the text is not described: it is
found by its stamp.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from websockets.frames import Opcode

from loadtest.errors import OptionError
from loadtest.protocols.driver import LOBBY, ROOM, Driver, Identity, Joining, between, unexpected

TEXT = "{text}"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"awaited": "await"}):
    """Of joining: a message to send, if any, and then a message to await that contains `await`, if that is given.

    One that contains `refused` instead ends the try.
    """

    send: str = ""
    awaited: str = ""
    refused: str = ""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To a message that contains `to` (such as a ping) `send` is the answer."""

    to: Annotated[str, Meta(min_length=1)]
    send: str


class Heartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each user sends every `every_s` seconds."""

    every_s: Annotated[float, Meta(gt=0)]
    send: str


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A protocol in templates.

    `frames` says what frames hold: `text`, `binary` (the template's bytes), or `msgpack` (templates are JSON, and
    what goes over the wire is that value in MessagePack).
    """

    message: str = TEXT
    join: tuple[Step, ...] = ()
    answer: tuple[Answer, ...] = ()
    heartbeat: Heartbeat | None = None
    frames: Literal["text", "binary", "msgpack"] = "text"


class Templates(Driver):
    """Follows a description."""

    def __init__(self, description: Description) -> None:
        """Prepare the templates.

        Raises:
            OptionError: one is not what the frames can hold, or the message has no text.

        """
        if description.message.count(TEXT) != 1:
            raise OptionError(f"the protocol's message must have {TEXT} once, not {description.message!r}")
        self.opcode = Opcode.TEXT if description.frames == "text" else Opcode.BINARY
        self.has_pings = bool(description.answer)
        self.heartbeat_every_s = description.heartbeat.every_s if description.heartbeat else 0.0
        self._description = description
        self._is_packed = description.frames == "msgpack"
        self._answers = [(each.to.encode(), self._encode(each.send)) for each in description.answer]
        self._heartbeat = self._encode(description.heartbeat.send) if description.heartbeat else b""
        self.has_rooms = any(ROOM in text for text in (description.message, *(step.send for step in description.join)))
        self._encode(description.message)
        for step in description.join:
            self._encode(step.send)

    def join(self, identity: Identity) -> Joining:
        """Send and await what the description says."""
        for step in self._description.join:
            if step.send:
                yield self._encode(identity.fill(step.send))
            while step.awaited:
                got = yield None
                if step.awaited.encode() in got:
                    break
                if step.refused and step.refused.encode() in got:
                    raise unexpected(f"a message with {step.awaited!r}")

    def wrap(self, text: bytes) -> bytes:
        """Return the message with the text in its place."""
        return self.wrap_in(LOBBY)(text)

    def wrap_in(self, room: str) -> Callable[[bytes], bytes]:
        """Return what puts a text, and the name of the room, into their places."""
        message = self._description.message.replace(ROOM, room)
        if self._is_packed:
            return partial(_packed, _value(message))
        before, after = (part.encode() for part in message.split(TEXT))
        return partial(between, before, after)

    def answer(self, message: bytes) -> bytes | None:
        """Return the first answer whose mark the message contains."""
        return next((send for to, send in self._answers if to in message), None)

    def heartbeat(self) -> bytes:
        """Return what the description says."""
        return self._heartbeat

    def _encode(self, template: str) -> bytes:
        return msgspec.msgpack.encode(_value(template)) if self._is_packed and template else template.encode()


def _value(template: str) -> object:
    try:
        return json.loads(template)
    except ValueError as error:
        raise OptionError(f"with frames = 'msgpack' templates are JSON, which {template!r} is not: {error}") from error


def _packed(message: object, text: bytes) -> bytes:
    return msgspec.msgpack.encode(_filled(message, text.decode()))


def _filled(value: object, text: str) -> object:
    """Put the text into each string of a value that has a place for it."""
    if isinstance(value, str):
        return value.replace(TEXT, text)
    if isinstance(value, list):
        return [_filled(each, text) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, text) for name, each in value.items()}
    return value
