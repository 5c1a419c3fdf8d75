"""Strategy `gather`: all members at once."""

from __future__ import annotations

import asyncio

from server.message import Broadcast
from server.strategies.base import Strategy


class GatherStrategy(Strategy):
    """One task a member and broadcast; the slowest member holds up the sender's next message."""

    name = "gather"

    async def publish(self, broadcast: Broadcast) -> None:
        """Return when the last member's socket has the broadcast."""
        # When many members vanish at once, most are still listed while the first leave notices are sent.
        sends = [member.send(broadcast.payload) for member in self._members.values() if member.is_open]
        self._counters.sent(broadcast, sum(await asyncio.gather(*sends)))
