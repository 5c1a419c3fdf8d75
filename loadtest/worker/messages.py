"""What the coordinator and the generators tell each other.

The coordinator is on Locust's master, or in the only process; generators are where the users are.
All of it goes through Locust's own `runner.send_message`; a lone process sends to itself.
Times are CLOCK_REALTIME nanoseconds unless named otherwise.
"""

from __future__ import annotations

import msgspec

from loadtest.ledger.handover import Cost, Received
from loadtest.schedule.window_order import WindowOrder


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Coordinator to generators: asks what time it is there."""

    time_ns: int


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """Generator to coordinator: the `Ping`'s time again, the generator's own, and which system it runs on."""

    ping_ns: int
    time_ns: int
    boot_id: str


class Collect(msgspec.Struct, frozen=True, tag="collect"):
    """Coordinator to generators: hand over the ledger of a window, which is then forgotten."""

    number: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Coordinator to generators: what is due after `end_ns` is not sent any more."""

    end_ns: int


class State(msgspec.Struct, frozen=True, tag="state"):
    """Generator to coordinator, several times a second: who is in the room, what happened so far, what is still to come.

    `sent` and `received` count stamped messages since the run began, those of warm-ups too.
    """

    joined: list[int]
    stalled: int
    failed: int
    reads: int
    sent: int
    received: int
    outstanding: dict[int, int]
    problems: list[str]


class Ledger(msgspec.Struct, frozen=True, tag="ledger"):
    """Generator to coordinator: the rest of a window's records (see `pack`), after all that it received.

    `Received` and this are the answer to `Collect`. `sends` is what was attempted or could not be, `withdrawn` what was
    planned for members that left by plan.
    """

    number: int
    members: bytes
    sends: bytes
    withdrawn: bytes
    cost: Cost


ToWorker = Ping | WindowOrder | Collect | Stop
ToCoordinator = Pong | State | Received | Ledger
TO_WORKER, TO_COORDINATOR = "chatroom-to-generator", "chatroom-to-coordinator"
