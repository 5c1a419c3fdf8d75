"""The protocol of this project's server: a text frame is what a member says; the path names the member and its room.

Messages have a number, at their end: `,"event":"user","offset":7}`. A member that joins with `since` is told first in
which epoch, and at which number the room is. So where a read ends, the number before is how far the member has read.
"""

from __future__ import annotations

import re

from loadtest.protocols.driver import ROOM, SINCE, Bookmark, Driver

_NUMBER = b'","offset":'
_EVENTS = (b"user", b"join", b"eave")
"""Ends of the events of numbered messages: user, join and leave, but not welcome, whose number comes after an epoch."""
_WELCOME = re.compile(rb'\{"event":"welcome","epoch":"([0-9a-f]+)","offset":([0-9]+)\}')
_TAIL_BYTES = 128
"""More than a welcome has, so that one that is cut by the end of a read is found with the next."""


class Plain(Driver):
    """A text as it is; what comes back may have any envelope."""

    url_path = "/chat?user_id={user}"
    room_query = f"&room={ROOM}"
    resume_query = f"&since={SINCE}"

    def wrap(self, text: bytes) -> bytes:
        """Return the text."""
        return text

    def bookmark(self) -> Bookmark:
        """Return what reads the numbers of messages."""
        return Numbers()


class Numbers(Bookmark):
    """The number of the last message that was read, and the epoch of the last welcome."""

    __slots__ = ("_epoch", "_is_welcomed", "_offset", "_tail")

    def __init__(self) -> None:
        self._epoch = b""
        self._offset = 0
        self._tail = b""
        self._is_welcomed = False

    @property
    def since(self) -> str:
        """`EPOCH:OFFSET`; empty before the first welcome."""
        return f"{self._epoch.decode()}:{self._offset}" if self._epoch else ""

    def read(self, data: bytes) -> None:
        """Look for the last number, and for the welcome if it has not come yet."""
        data = self._tail + data
        self._tail = data[-_TAIL_BYTES:]
        if not self._is_welcomed and (welcome := _WELCOME.search(data)):
            self._is_welcomed = True
            if welcome[1] != self._epoch:  # else the number is that of the room, and what was missed is to come
                self._offset = 0 if self._epoch else int(welcome[2])
                self._epoch = welcome[1]
        end = len(data)
        while (found := data.rfind(_NUMBER, 0, end)) >= 0:
            closing = data.find(b"}", found)
            if closing >= 0 and data[found - 4 : found] in _EVENTS:
                self._offset = int(data[found + len(_NUMBER) : closing])
                return
            end = found

    def reconnect(self) -> None:
        """Begin with a new connection."""
        self._tail = b""
        self._is_welcomed = False
