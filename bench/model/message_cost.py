"""The cost model: a server's CPU time for one message is a fixed cost, and one for each member of the room."""

from __future__ import annotations

import msgspec


class MessageCost(msgspec.Struct, frozen=True):
    """CPU time of one message in microseconds: `fixed_us + per_member_us * members`, those of its room."""

    fixed_us: float
    per_member_us: float

    def message_us(self, members: float) -> float:
        """Return the CPU time of a message to a room of so many members."""
        return self.fixed_us + self.per_member_us * members

    def members_share(self, members: float) -> float:
        """Return the share of a message's CPU time that the members of a room make, 0 to 1 for costs from 0."""
        return self.per_member_us * members / self.message_us(members)
