"""Counters that all rooms share."""

from __future__ import annotations

from dataclasses import dataclass

from server.message import Broadcast


@dataclass(slots=True)
class Counters:
    """Counts since the server started; see `Stats`."""

    messages_in: int = 0
    deliveries_out: int = 0
    notices_out: int = 0
    dropped: int = 0
    kicked: int = 0
    replayed: int = 0
    gaps: int = 0

    def sent(self, broadcast: Broadcast, copies: int) -> None:
        """Count copies of a broadcast that reached a member's socket."""
        if broadcast.event == "user":
            self.deliveries_out += copies
        else:
            self.notices_out += copies
