"""The load that is offered to the rooms: how many messages, when, by whom, of what size."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.schedule.arrivals import Burst, Rate


@dataclass(frozen=True, slots=True)
class Load:
    """What a window's plan is made from; `arrival` is a name of `ARRIVALS`, `message_size` is in bytes."""

    rate: Rate
    burst: Burst
    arrival: str
    seed: int
    message_size: int
