"""A queue of messages from a peer that the application has not taken yet."""

from __future__ import annotations

import asyncio
from collections import deque

from uvicorn._types import ASGIReceiveEvent

EVENT_OVERHEAD_BYTES = 1_024
"""Added to the size of each event, so that empty messages cannot pile up without bound."""


class Inbox:
    """A queue of ASGI events for one reader, which knows the total size of what waits in it.

    It stands in for the `asyncio.Queue` of uvicorn's protocol, which keeps four deques for each connection.
    """

    __slots__ = ("_events", "_reader", "size")

    def __init__(self) -> None:
        self.size = 0
        self._events: deque[ASGIReceiveEvent] = deque()
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, event: ASGIReceiveEvent) -> None:
        """Add an event and wake the reader."""
        self.size += _size(event)
        self._events.append(event)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        """Return the next event, once there is one."""
        while not self._events:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        event = self._events.popleft()
        self.size -= _size(event)
        return event


def _size(event: ASGIReceiveEvent) -> int:
    content = event.get("text") or event.get("bytes") or b""
    assert isinstance(content, str | bytes)
    return EVENT_OVERHEAD_BYTES + len(content)
