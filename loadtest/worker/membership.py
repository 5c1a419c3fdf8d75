"""Who of a process's users is in the room, and who left it, when and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import gevent.pool
import numpy as np

from loadtest.client.websocket import WebSocket
from loadtest.ledger.records import NEVER, Members
from loadtest.schedule.churn import Departure
from loadtest.schedule.clock import Clock
from loadtest.worker.recorder import Recorder

CLOSE_LIMIT_S = 2.0


@dataclass(slots=True, eq=False)
class Member:
    """A member of the room; `left_ns` is set when it leaves by its own plan. Times are of this machine's clock.

    A user that leaves and comes back is a new member, on the `slot` of the old one: the number that it had at first, by
    which a schedule knows it. `away_s` is how long it is to stay away, `None` for good.
    """

    number: int
    slot: int
    websocket: WebSocket
    joined_ns: int
    left_ns: int = NEVER
    away_s: float | None = None


class Membership:
    """The members of this process, by their slots. Stalled members have none: they send nothing and are owed nothing.

    `watch` begins to read a connection under a tag of the recorder. A member that falls out is a problem, unless it
    may try to come back every `rejoin_every_s` seconds.
    """

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        rejoin_every_s: float,
        watch: Callable[[WebSocket, int], None],
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._watch = watch
        self._present: dict[int, Member] = {}
        self._left: list[Member] = []
        self._away: set[int] = set()
        self._own: set[int] = set()
        self._departing = gevent.pool.Group()
        self.rejoin_every_s = rejoin_every_s
        self.stalled: set[WebSocket] = set()
        self.failed = 0
        self.problems: list[str] = []

    # Coming

    def join(
        self, number: int, websocket: WebSocket, on_lost: Callable[[str], None], slot: int | None = None
    ) -> Member:
        """Take a connected user into the room, on the slot that it had before, if any.

        `on_lost` gets the reason should it fall out of the room unplanned.
        """
        member = Member(number, number if slot is None else slot, websocket, time.time_ns())
        self._add(member, on_lost)
        return member

    def rejoin(self, member: Member, websocket: WebSocket, on_lost: Callable[[str], None]) -> None:
        """Have a member back that fell out: it is the same member, and was owed everything meanwhile."""
        if member in self._left:
            self._left.remove(member)
        self.failed += 1
        member.websocket = websocket
        self._add(member, on_lost)

    def _add(self, member: Member, on_lost: Callable[[str], None]) -> None:
        websocket = member.websocket

        def ended() -> None:
            self._recorder.forget(tag)
            if self._present.get(member.slot) is not member or member.websocket is not websocket:
                return  # it left by plan, or is back already
            del self._present[member.slot]
            self._left.append(member)
            reason = websocket.why_ended()
            if not self.rejoin_every_s:
                self.fail(f"a member fell out of the room: {reason}")
            on_lost(reason)

        tag = self._recorder.add(member.number, websocket, ended)
        self._present[member.slot] = member
        self._own.add(member.slot)
        self._away.discard(member.slot)
        self._watch(websocket, tag)

    def fail(self, problem: str) -> None:
        """Count a user that could not join or fell out, and keep the reason for the verdict."""
        self.failed += 1
        if problem not in self.problems:
            self.problems.append(problem)

    # Going

    def leave(self, member: Member, away_s: float | None = None) -> None:
        """Let a member leave by its own plan, with a close handshake, for `away_s` seconds or for good."""
        if self._remove(member, away_s):
            member.websocket.close(CLOSE_LIMIT_S)

    def drop(self, member: Member, away_s: float) -> None:
        """Cut a member's connection by its own plan, for `away_s` seconds."""
        if self._remove(member, away_s):
            member.websocket.abort()

    def _remove(self, member: Member, away_s: float | None) -> bool:
        if self._present.get(member.slot) is not member or not member.websocket.is_open:
            return False
        member.left_ns, member.away_s = time.time_ns(), away_s
        del self._present[member.slot]
        self._left.append(member)
        if away_s is not None:
            self._away.add(member.slot)
        return True

    def plan(self, departures: list[Departure]) -> None:
        """Have members leave when it is their time."""
        self._departing.spawn(self._depart, departures)

    def cancel(self) -> None:
        """Have nobody leave by plan any more."""
        self._departing.kill(block=False)

    def _depart(self, departures: list[Departure]) -> None:
        for departure in departures:
            if (wait_ns := departure.time_ns - self._clock.now_ns()) > 0:
                gevent.sleep(wait_ns / 1e9)
            member = self._present.get(departure.user)
            if member is None:
                continue  # it is not back from the time before
            if departure.is_drop:
                self.drop(member, departure.away_s)
            else:
                gevent.spawn(self.leave, member, departure.away_s)

    # Who is there

    @property
    def slots(self) -> list[int]:
        """The slots that are taken just now, ascending."""
        return sorted(self._present)

    def owns(self, slot: int) -> bool:
        """Whether a slot is, or was, one of this process's."""
        return slot in self._own

    def is_away(self, slot: int) -> bool:
        """Whether the user of a slot left by plan and is to come back."""
        return slot in self._away

    def open_websocket(self, slot: int) -> WebSocket | None:
        """Return the connection of the member on a slot, `None` where nobody is or nothing can be sent."""
        member = self._present.get(slot)
        return member.websocket if member and member.websocket.is_open else None

    def records(self) -> Members:
        """Return all members, those that are gone too, as the ledger has them, in the coordinator's time."""
        here = self._clock.from_system_ns
        room = [
            (m.number, here(m.joined_ns), NEVER if m.left_ns == NEVER else here(m.left_ns))
            for m in (*self._present.values(), *self._left)
        ]
        return Members(*np.array(room, np.int64).reshape(-1, 3).T)

    def forget(self, before_ns: int) -> None:
        """Forget those that left by plan before a time of the coordinator's."""
        self._left = [member for member in self._left if self._clock.from_system_ns(member.left_ns) >= before_ns]

    def forget_all_left(self) -> None:
        """Forget everybody who is not in."""
        self._left.clear()
