"""The newest messages of a room, by their numbers: what a member that comes back is sent, or told that it missed."""

from __future__ import annotations

import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice

from server.errors import RefusedError
from server.message import Broadcast

MAX_BYTES = 1_048_576
"""The payloads that a room keeps have at most so many bytes together."""

_SINCE = re.compile(r"([0-9a-f]{16}):([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a member has read: up to the message with this number, in the epoch that it is a number of."""

    epoch: str
    offset: int


BEGINNING = Position("", 0)
"""That of a member that has read nothing yet and wants to be told where the room is."""


def read_position(since: str | None) -> Position | None:
    """Read `since` of a join: `EPOCH:OFFSET`, or empty for none yet; `None` if it is not given.

    Raises:
        RefusedError: 400, it is something else.

    """
    if not since:
        return None if since is None else BEGINNING
    if not (match := _SINCE.fullmatch(since)):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"bad since {since[:64]!r}; give EPOCH:OFFSET of what was heard last, or leave it empty",
        )
    return Position(match[1], int(match[2]))


@dataclass(slots=True)
class History:
    """The last `limit` messages of a room, at most `MAX_BYTES` of them; offsets count from 1 within an epoch.

    An epoch is the time in which a room's numbers run on; a room that was forgotten begins a new one.
    """

    limit: int
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    offset: int = 0
    """That of the last message."""
    size_bytes: int = 0
    """Those of the payloads that are kept."""
    _kept: deque[Broadcast] = field(default_factory=deque)

    def add(self, message: Broadcast) -> Broadcast:
        """Give a message the next number, keep it, and return it with that number."""
        self.offset += 1
        numbered = message.numbered(self.offset)
        self._kept.append(numbered)
        self.size_bytes += len(numbered.payload)
        while len(self._kept) > self.limit or self.size_bytes > MAX_BYTES:
            self.size_bytes -= len(self._kept.popleft().payload)
        return numbered

    def after(self, offset: int) -> tuple[int, list[Broadcast]]:
        """Return how many messages after one are not kept any more, and then those that are, the oldest first."""
        kept_from = self.offset - len(self._kept)
        return max(0, kept_from - offset), list(islice(self._kept, max(0, offset - kept_from), None))

    def is_known(self, position: Position) -> bool:
        """Return whether a position is one of this epoch."""
        return position.epoch == self.epoch and position.offset <= self.offset
