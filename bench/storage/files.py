"""Result files: new folders, files written in one rename, and JSON that is checked when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import FolderNotEmptyError, ResultsError
from bench.model.summary import FORMAT

Stored = TypeVar("Stored", bound=msgspec.Struct)


def make_folder(directory: Path) -> None:
    """Make a folder that may be there already if it is empty.

    Raises:
        FolderNotEmptyError: it holds something already; nothing is ever overwritten.

    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FolderNotEmptyError(f"{directory} is not empty; choose another --out or remove it")


class _Versioned(msgspec.Struct):
    format: int = FORMAT  # a run has none: that of its folder's plan holds


def read_struct(path: Path, kind: type[Stored], what: str, remedy: str) -> Stored:
    """Read JSON, or raise a `ResultsError` that names the file, what is wrong with it and what to do."""
    try:
        data = path.read_bytes()
        format_ = msgspec.json.decode(data, type=_Versioned).format
        if format_ == FORMAT:
            return msgspec.json.decode(data, type=kind)
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror}; {remedy}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} is damaged, or no {what}: {error}; {remedy}") from error
    raise ResultsError(
        f"{path} has format {format_}, this version reads {FORMAT}; use the version that wrote it, or {remedy}"
    )


def write_struct(path: Path, value: msgspec.Struct) -> None:
    """Write JSON for people, too, in one rename."""
    write_file(path, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")


def write_file(path: Path, data: bytes) -> None:
    """Write a file in one rename, so that a reader, a crash or a full disk never leaves half a file."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
