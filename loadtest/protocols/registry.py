"""The protocols by name: built-in ones, those of installed plug-ins, and those that a table describes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

import msgspec

from loadtest.errors import OptionError
from loadtest.protocols.actioncable import ActionCable
from loadtest.protocols.driver import Driver
from loadtest.protocols.plain import Plain
from loadtest.protocols.socketio import SocketIo
from loadtest.protocols.stomp import Stomp
from loadtest.protocols.templates import Description, Templates

PROTOCOLS: Mapping[str, type[Driver]] = MappingProxyType(
    {"plain": Plain, "socketio": SocketIo, "actioncable": ActionCable, "stomp": Stomp}
)
GROUP = "chatroom_bench.protocols"
"""The entry-point group of plug-ins: a name, and a subclass of `Driver`."""
DEFAULT = "plain"
DESCRIBED = "json"
"""The protocol whose tables and keys are those of `Description`."""


def from_table(table: Mapping[str, Any]) -> Driver:
    """Return the driver that a table describes: by its `name` (`json` if there is none), set up by all other keys.

    Raises:
        OptionError: there is no such protocol, or it has no such keys.

    """
    settings = dict(table)
    name = settings.pop("name", DESCRIBED)
    if name == DESCRIBED:
        try:
            return Templates(msgspec.convert(settings, Description))
        except msgspec.ValidationError as error:
            raise OptionError(f"the description of the protocol is wrong: {error}") from error
    plugins = {each.name: each for each in entry_points(group=GROUP)}
    if name not in PROTOCOLS and name not in plugins:
        names = ", ".join(sorted({*PROTOCOLS, *plugins, DESCRIBED}))
        raise OptionError(f"unknown protocol {name!r}; choose {names}, or give a TOML file (docs/protocols.md)")
    kind: Any = PROTOCOLS[name] if name in PROTOCOLS else plugins[name].load()
    try:
        inspect.signature(kind).bind(**settings)
    except TypeError as error:
        allowed = ", ".join(inspect.signature(kind).parameters) or "none"
        raise OptionError(f"protocol {name!r}: {error}; its settings are: {allowed}") from error
    made: Driver = kind(**settings)
    return made
