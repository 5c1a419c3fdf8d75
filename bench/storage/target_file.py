"""Reads the description of a target: a TOML file with `[start]` or `[running]`, `[join]` and `[protocol]`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import TargetError
from bench.model.target import Running, Start, Target
from bench.storage.checkout import PACKAGES
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
    try:
        check_name(name)
    except ValueError as error:
        raise TargetError(f"{path}: {error}") from error
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
        versions = _pins(folder, start.requirements, start.packages)
        start = msgspec.structs.replace(start, folder=_portable(folder), versions=versions)
    if running and running.pid_file:
        running = msgspec.structs.replace(running, pid_file=str((path.parent / running.pid_file).resolve()))
    return Target(name, _portable(path.resolve()), start, running, described.has_echo)


def check_name(name: object) -> None:
    """Check the name of a target, which is a part of the names of files.

    Raises:
        ValueError: it is none.

    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"invalid name {name!r}; write one as in name = 'mine': a-z, then a-z, 0-9, _ and -")


def located(path: str) -> Path:
    """Return where a folder or file of a target is: those in this checkout are stored as relative to it."""
    return PACKAGES / path


def _portable(path: Path) -> str:
    return str(path.relative_to(PACKAGES) if path.is_relative_to(PACKAGES) else path)


def _pins(folder: Path, requirements: str, packages: str) -> tuple[str, ...]:
    """Return the packages of a target with their versions; a file that is not there is refused where it is needed."""
    pins: list[str] = []
    if requirements and (file := folder / requirements).exists():
        lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
        pins += [line for line in lines if line and not line.startswith("-")]
    if packages and (file := folder / packages).exists():
        wanted = json.loads(file.read_text()).get("dependencies", {})
        pins += [f"{name}=={version}" for name, version in wanted.items()]
    return tuple(pins)


def _table(path: Path, name: str, content: object, kind: type[Table]) -> Table | None:
    if content is None:
        return None
    if isinstance(content, dict) and isinstance(variables := content.get("environment"), dict):
        content = {**content, "environment": list(variables.items())}
    if isinstance(content, dict) and "versions" in content:
        raise TargetError(f"{path}, table [{name}]: versions are read from requirements and packages; leave them out")
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise TargetError(f"{path}, table [{name}]: {error}") from error
