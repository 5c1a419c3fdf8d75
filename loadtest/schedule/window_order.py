"""The order to run a window: who is in the rooms, and from when to when it sends."""

from __future__ import annotations

import msgspec


class WindowOrder(msgspec.Struct, frozen=True, tag="order"):
    """Coordinator to worker: send by schedule from `begin_ns` to `end_ns`; messages due from `start_ns` on are judged.

    `members` are the numbers of the members of all rooms, ascending. `first_seq` is above every number of an earlier
    window's messages. `ahead_ns` is how far the worker's clock is ahead of the coordinator's.
    `users` is the user count that is measured, and `nth` counts its windows from 0. With an echo a message is sent to
    its sender, too. The members are in `rooms` rooms, each of which is offered the load's rate.
    """

    number: int
    members: list[int]
    begin_ns: int
    start_ns: int
    end_ns: int
    first_seq: int = 0
    ahead_ns: int = 0
    users: int = 0
    nth: int = 0
    has_echo: bool = True
    rooms: int = 1

    def draw(self, seed: int) -> tuple[int, int, int]:
        """Return the seed of this window's random numbers: the same whichever user counts were measured before."""
        return seed, self.users, self.nth
