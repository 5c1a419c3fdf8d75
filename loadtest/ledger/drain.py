"""Counts down what a window is still owed, so that its drain ends as soon as everything is there."""

from __future__ import annotations

import numpy as np

from loadtest.ledger.records import NEVER, Deliveries, Members, Sends, key, match


class Drain:
    """Marks each pair of message and member at its first arrival. The verdict is the ledger's; this only ends the wait.

    `never_sent` are messages that nobody will receive. A member that has left waits for nothing.
    """

    def __init__(self, planned: Sends, members: Members, never_sent: Sends) -> None:
        planned = planned.select(np.argsort(key(planned.sender, planned.seq)))
        self._keys = key(planned.sender, planned.seq)
        members = members.select(members.left_ns == NEVER)
        members = members.select(np.argsort(members.member))
        self._members = members.member
        self._waits = members.joined_ns[None, :] <= planned.due_ns[:, None]
        position, found = match(self._keys, key(never_sent.sender, never_sent.seq))
        self._waits[position[found]] = False

    @property
    def outstanding(self) -> int:
        """Deliveries that are owed and have not come yet."""
        return int(np.count_nonzero(self._waits))

    def add(self, deliveries: Deliveries) -> None:
        """Take deliveries off what is outstanding."""
        message, is_message = match(self._keys, key(deliveries.sender, deliveries.seq))
        member, is_member = match(self._members, deliveries.receiver)
        known = is_message & is_member
        self._waits[message[known], member[known]] = False
