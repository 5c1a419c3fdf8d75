"""The stored result of `connections`: the contents of `connections.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.connections.measurement import Connections
from bench.model.environment import Environment
from bench.storage.files import read_struct, write_struct

FORMAT = 1
FILE = "connections.json"


class ConnectionsResult(msgspec.Struct, frozen=True):
    """The cost of idle connections to each server that was measured."""

    format: int
    environment: Environment
    servers: tuple[Connections, ...]


def write_connections(result: ConnectionsResult, directory: Path) -> None:
    """Write `connections.json`."""
    write_struct(directory / FILE, result)


def read_connections(directory: Path) -> ConnectionsResult:
    """Read `connections.json`.

    Raises:
        ResultsError: the file is missing, damaged or of another format.

    """
    return read_struct(
        directory / FILE, ConnectionsResult, "connections result", "give a folder that `connections --out` wrote"
    )
