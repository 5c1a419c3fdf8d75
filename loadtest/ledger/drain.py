"""Counts the deliveries of a window that are outstanding, so that its drain ends once there are none."""

from __future__ import annotations

import numpy as np

from loadtest.ledger.records import NEVER, Deliveries, Members, Sends, key, match


class Drain:
    """Marks each pair of message and member at its first arrival. It only ends the wait; the ledger judges.

    `never_sent` are messages that nobody will receive. Of a member that has left nothing is expected. A text that came
    truncated or altered has not arrived: an unaltered one may still come. Without an echo a sender gets no copy.
    """

    def __init__(self, planned: Sends, members: Members, never_sent: Sends, *, has_echo: bool = True) -> None:
        planned = planned.select(np.argsort(key(planned.sender, planned.seq)))
        self._keys = key(planned.sender, planned.seq)
        members = members.select(members.left_ns == NEVER)
        members = members.select(np.argsort(members.member))
        self._members = members.member
        self._outstanding = members.joined_ns[None, :] <= planned.due_ns[:, None]
        if not has_echo:
            self._outstanding &= planned.sender[:, None] != members.member[None, :]
        position, found = match(self._keys, key(never_sent.sender, never_sent.seq))
        self._outstanding[position[found]] = False

    @property
    def outstanding(self) -> int:
        """Deliveries that are expected and have not arrived yet."""
        return int(np.count_nonzero(self._outstanding))

    def add(self, deliveries: Deliveries) -> None:
        """Take unaltered deliveries off those outstanding."""
        message, is_message = match(self._keys, key(deliveries.sender, deliveries.seq))
        member, is_member = match(self._members, deliveries.receiver)
        known = is_message & is_member & (deliveries.corrupted == 0)
        self._outstanding[message[known], member[known]] = False
