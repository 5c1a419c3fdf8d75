"""Reads the description of a target: a TOML file with `[start]` or `[running]`, `[join]` and `[protocol]`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import TargetError
from bench.model.target import Running, Start, Target
from loadtest.errors import OptionError
from loadtest.protocols.description import TABLES, read_tables

Table = TypeVar("Table", bound=msgspec.Struct)
NAME = re.compile(r"[a-z][a-z0-9_-]*")
PORT = "{port}"


def read_target(path: Path) -> Target:
    """Read and check a description; folders and files in it are relative to it.

    Raises:
        TargetError: it cannot be read, or something in it is wrong; the message says what to put there.

    """
    try:
        described = read_tables(path)
    except OptionError as error:
        raise TargetError(str(error)) from error
    others = dict(described.others)
    name = others.pop("name", path.stem)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise TargetError(f"{path}: invalid name {name!r}; write one as in name = 'mine': a-z, then a-z, 0-9, _ and -")
    tables = {key: others.pop(key, None) for key in ("start", "running")}
    if others:
        known = ", ".join(("name", "start", "running", *TABLES))
        raise TargetError(f"{path}: unknown {', '.join(others)}; a target has {known}")
    if (tables["start"] is None) == (tables["running"] is None):
        raise TargetError(f"{path} needs one of two tables: [start] with a command, or [running] with an address")
    start = _table(path, "start", tables["start"], Start)
    running = _table(path, "running", tables["running"], Running)
    if start:
        if PORT not in start.command:
            raise TargetError(
                f"{path}: the command {start.command!r} does not say where its port goes; write {PORT} there"
            )
        folder = (path.parent / start.folder).resolve()
        if not folder.is_dir():
            raise TargetError(f"{path}: the folder {start.folder!r} is not there; it is relative to the file")
        start = msgspec.structs.replace(start, folder=str(folder))
    if running and running.pid_file:
        running = msgspec.structs.replace(running, pid_file=str((path.parent / running.pid_file).resolve()))
    return Target(name, str(path.resolve()), start, running, described.has_echo)


def _table(path: Path, name: str, content: object, kind: type[Table]) -> Table | None:
    if content is None:
        return None
    if isinstance(content, dict) and isinstance(variables := content.get("environment"), dict):
        content = {**content, "environment": list(variables.items())}
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise TargetError(f"{path}, table [{name}]: {error}") from error
