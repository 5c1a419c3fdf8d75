"""Counts the deliveries of a window that are outstanding, so that its drain ends once there are none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import (
    NEVER,
    Deliveries,
    Integers,
    Members,
    Sends,
    key,
    match,
    rank_among_equals,
    room_of,
)

Booleans = npt.NDArray[np.bool_]


class Drain:
    """Marks each pair of message and member of a room at its first arrival. It only ends the wait; the ledger judges.

    `never_sent` are messages that nobody will receive. Of a member that has left nothing is expected. A text that came
    truncated or altered has not arrived: an unaltered one may still come. Without an echo a sender gets no copy.
    """

    def __init__(
        self, planned: Sends, members: Members, never_sent: Sends, *, rooms: int = 1, has_echo: bool = True
    ) -> None:
        planned = planned.select(np.argsort(key(planned.sender, planned.seq)))
        self._keys = key(planned.sender, planned.seq)
        self._message_room = room_of(planned.sender, rooms)
        members = members.select(members.left_ns == NEVER)
        members = members.select(np.argsort(members.member))
        self._members, self._member_room = members.member, members.room
        self._column = rank_among_equals(members.room)
        # Room after room there is a row for each message, with a place for each member.
        by_room = np.argsort(self._message_room, kind="stable")
        width = np.bincount(members.room, minlength=rooms)[self._message_room[by_room]]
        self._row = np.empty(len(width), np.int64)
        self._row[by_room] = np.cumsum(width) - width
        never_come = np.sort(key(never_sent.sender, never_sent.seq))
        of_rooms = zip(planned.split(self._message_room, rooms), members.split(members.room, rooms), strict=True)
        self._outstanding = np.concatenate([_pairs(*each, never_come, has_echo=has_echo).ravel() for each in of_rooms])

    @property
    def outstanding(self) -> int:
        """Deliveries that are expected and have not arrived yet."""
        return int(np.count_nonzero(self._outstanding))

    def add(self, deliveries: Deliveries) -> None:
        """Take unaltered deliveries off those outstanding."""
        message, is_message = match(self._keys, key(deliveries.sender, deliveries.seq))
        member, is_member = match(self._members, deliveries.receiver)
        known = is_message & is_member & (deliveries.corrupted == 0)
        message, member = message[known], member[known]
        is_in_room = self._message_room[message] == self._member_room[member]
        self._outstanding[(self._row[message] + self._column[member])[is_in_room]] = False


def _pairs(sends: Sends, members: Members, never_come: Integers, *, has_echo: bool) -> Booleans:
    """Tell for each message (row) and member (column) of a room whether a delivery is expected."""
    _, never_comes = match(never_come, key(sends.sender, sends.seq))
    pairs: Booleans = (members.joined_ns[None, :] <= sends.due_ns[:, None]) & ~never_comes[:, None]
    if not has_echo:
        pairs &= sends.sender[:, None] != members.member[None, :]
    return pairs
