"""The description of a chat server in a TOML file: how users join it, and what its messages look like."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from loadtest.errors import OptionError
from loadtest.protocols.driver import Driver
from loadtest.protocols.plain import Plain
from loadtest.protocols.registry import from_table

TABLES = ("join", "protocol")


class Join(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How users join: what is empty is as the protocol's customs have it.

    `token_file` and `ca` are relative to the file. `hears_itself` is false if a message is not sent to its sender.
    """

    url_path: str = ""
    subprotocol: str = ""
    header: dict[str, str] = {}
    token_file: str = ""
    token_command: str = ""
    ca: str = ""
    insecure: bool = False
    hears_itself: bool = True


@dataclass(frozen=True, slots=True)
class Described:
    """A description; `others` are the tables and keys that are not the swarm's."""

    driver: Driver
    join: Join
    others: Mapping[str, Any]

    @property
    def url_path(self) -> str:
        """Where users join: as described, or as the protocol's customs have it."""
        return self.join.url_path or self.driver.url_path

    @property
    def subprotocol(self) -> str:
        """The sub-protocol to ask for, likewise."""
        return self.join.subprotocol or self.driver.subprotocol

    @property
    def headers(self) -> list[str]:
        """The headers of a request to join, as in `Authorization: Bearer abc`."""
        return [f"{name}: {value}" for name, value in self.join.header.items()]

    @property
    def has_echo(self) -> bool:
        """Whether a message comes back to its sender."""
        return self.driver.has_echo and self.join.hears_itself


def read_tables(path: Path) -> Described:
    """Read the tables `[join]` and `[protocol]` of a TOML file, each of which may be left out.

    Raises:
        OptionError: the file cannot be read, or something in these tables is wrong.

    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise OptionError(f"cannot read {path}: {error.strerror}; give a TOML file (docs/protocols.md)") from error
    except ValueError as error:
        raise OptionError(f"{path} is no TOML: {error}") from error
    if not any(isinstance(content.get(name), dict) for name in TABLES):
        raise OptionError(f"{path} has neither a table [join] nor [protocol]; see docs/protocols.md for both")
    try:
        driver = from_table(content["protocol"]) if "protocol" in content else Plain()
        join = msgspec.convert(content.get("join", {}), Join)
    except (OptionError, msgspec.ValidationError) as error:
        raise OptionError(f"{path}: {error}") from error
    files = {name: str(path.parent / text) for name in ("token_file", "ca") if (text := getattr(join, name))}
    others = {name: value for name, value in content.items() if name not in TABLES}
    return Described(driver, msgspec.structs.replace(join, **files), others)
