"""Strategy `direct`: one member after the other."""

from __future__ import annotations

from server.message import Broadcast
from server.strategies.base import Strategy


class DirectStrategy(Strategy):
    """The sender's own coroutine awaits each member's send in turn, so one stalled member stalls the room."""

    name = "direct"

    async def publish(self, broadcast: Broadcast) -> None:
        """Return when the last member's socket has the broadcast."""
        payload, copies = broadcast.payload, 0
        for member in tuple(self._members.values()):
            copies += await member.send(payload)
        self._counters.sent(broadcast, copies)
