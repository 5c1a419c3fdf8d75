"""The messages between the coordinator and the workers.

The coordinator is on Locust's master, or in the only process; workers are the processes with users.
They go through Locust's own `runner.send_message`; a lone process sends to itself.
Times are CLOCK_REALTIME nanoseconds unless named otherwise.
"""

from __future__ import annotations

import msgspec

from loadtest.ledger.handover import Cost, Received
from loadtest.schedule.window_order import WindowOrder


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Coordinator to worker: asks for the time of its clock."""

    time_ns: int


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """Worker to coordinator: the `Ping`'s time, the worker's own, and which system it runs on."""

    ping_ns: int
    time_ns: int
    boot_id: str


class Collect(msgspec.Struct, frozen=True, tag="collect"):
    """Coordinator to worker: hand over the ledger of a window and forget it."""

    number: int


class StopReading(msgspec.Struct, frozen=True, tag="stop-reading"):
    """Coordinator to worker: nothing will be judged any more, so do not read what a backlog may still bring."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Coordinator to worker: do not send what is due at `end_ns` or later."""

    end_ns: int


class State(msgspec.Struct, frozen=True, tag="state"):
    """Worker to coordinator, several times a second: its members, its counts so far, and what is outstanding.

    `reads` are parsed ones that had something other than the protocol's pings. `sent` and `received` count stamped
    messages since the run began, those of warm-ups too; `outstanding` has the deliveries that are still expected, by
    the window's number.
    """

    joined: list[int]
    stalled: int
    failed: int
    reads: int
    sent: int
    received: int
    outstanding: dict[int, int]
    problems: list[str]
    flooders: int = 0


class Ledger(msgspec.Struct, frozen=True, tag="ledger"):
    """Worker to coordinator: the rest of a window's records (see `pack`), after all that it received.

    `Received` and this are the reply to `Collect`. `sends` were attempted or could not be, `withdrawn` were planned for
    members that had left by plan, `absences` are those of members that resume. `outstanding` deliveries had not come by
    then.
    """

    number: int
    outstanding: int
    members: bytes
    sends: bytes
    withdrawn: bytes
    cost: Cost
    absences: bytes = b""


ToWorker = Ping | WindowOrder | Collect | Stop | StopReading
ToCoordinator = Pong | State | Received | Ledger
TO_WORKER, TO_COORDINATOR = "chatroom-to-worker", "chatroom-to-coordinator"
