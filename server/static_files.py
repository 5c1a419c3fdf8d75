"""The files of the chat page, kept in memory: answering with one needs no descriptor."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import Response

STATIC = Path(__file__).parent / "static"


class StaticFiles:
    """The files of one directory, by name, as responses."""

    def __init__(self, directory: Path = STATIC) -> None:
        self._files = {path.name: (path.read_bytes(), _media_type(path)) for path in directory.iterdir()}

    def response(self, name: str) -> Response:
        """Return a file; 404 where there is none of that name."""
        if name not in self._files:
            return Response(status_code=404)
        content, media_type = self._files[name]
        return Response(content, media_type=media_type)


def _media_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
