"""The connections that send no whole request, or do not read its answer: how many there may be."""

from __future__ import annotations

import asyncio
import logging
from asyncio import TimerHandle
from http import HTTPStatus
from typing import Protocol

SPARED_S = 1.0
"""Where too many wait the oldest are closed, but none that is younger than this: a crowd may well come at once."""

logger = logging.getLogger("uvicorn.error")


class Waiter(Protocol):
    """A connection without a whole request, or whose peer does not read."""

    def refuse(self, status: HTTPStatus) -> None:
        """Answer with an error where one can be read, and hang up; it waits no longer."""


class Waiting:
    """All waiting connections, the oldest first; beyond `limit` the oldest are closed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._since_s: dict[Waiter, float] = {}
        self._timer: TimerHandle | None = None

    def add(self, waiter: Waiter) -> None:
        """Let one wait, if it does not yet, and another one go if they are too many."""
        self._since_s.setdefault(waiter, asyncio.get_running_loop().time())
        if self._timer is None:
            self._make_room()

    def discard(self, waiter: Waiter) -> None:
        """One waits no longer."""
        self._since_s.pop(waiter, None)

    def _make_room(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while len(self._since_s) > self._limit:
            oldest, since_s = next(iter(self._since_s.items()))
            left_s = since_s + SPARED_S - loop.time()
            if left_s > 0:
                self._timer = loop.call_later(left_s, self._make_room)
                return
            logger.warning("over %d connections without a request or a reader: closing the oldest ones", self._limit)
            oldest.refuse(HTTPStatus.REQUEST_TIMEOUT)
