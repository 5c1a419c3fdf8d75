"""Which of a process's users are in their rooms, and which left, when and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import gevent
import gevent.pool
import numpy as np

from loadtest.client.websocket import WebSocket
from loadtest.ledger.records import NEVER, Absences, Members, room_of
from loadtest.schedule.churn import Departure
from loadtest.schedule.clock import Clock
from loadtest.worker.recorder import Recorder

CLOSE_LIMIT_S = 2.0
SETTLE_S = 0.3
"""A member that resumes is cut off only so long after it said something."""


@dataclass(slots=True, eq=False)
class Member:
    """A member of the room; `left_ns` is set when it leaves by plan. Times are of this machine's clock.

    A user that leaves and comes back is a new member in the `slot` of the old one: its first number, which schedules
    use. `away_s` is how long it is to stay away, `None` if it does not come back. One that resumes stays the same
    member; its `absences` are from when to when it had no connection.
    """

    number: int
    slot: int
    websocket: WebSocket
    joined_ns: int
    left_ns: int = NEVER
    away_s: float | None = None
    absences: list[tuple[int, int]] = field(default_factory=list)

    @property
    def resumes(self) -> bool:
        """Whether it goes on, when it comes back, where it has read to."""
        return self.websocket.bookmark is not None


class Membership:
    """The members of this process, by their slots. Stalled members have none: they send nothing, nothing is expected.

    They are in `rooms` rooms. `watch` begins to read a connection under a tag of the recorder. A member that falls out
    is a problem, unless `rejoin_every_s` is not 0: then it tries to rejoin at that interval, in seconds.
    """

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        rooms: int,
        rejoin_every_s: float,
        watch: Callable[[WebSocket, int], None],
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._rooms = rooms
        self._watch = watch
        self._present: dict[int, Member] = {}
        self._left: list[Member] = []
        self._away: set[int] = set()
        self._own: set[int] = set()
        self._departing = gevent.pool.Group()
        self.rejoin_every_s = rejoin_every_s
        self.stalled: set[WebSocket] = set()
        self.flooders: set[WebSocket] = set()
        self.failed = 0
        self.problems: list[str] = []

    # Joining

    def join(
        self, number: int, websocket: WebSocket, on_lost: Callable[[str], None], slot: int | None = None
    ) -> Member:
        """Add a connected user as a member, in the slot that it had before, if any.

        `on_lost` gets the reason if it falls out of the room unplanned.
        """
        member = Member(number, number if slot is None else slot, websocket, time.time_ns())
        self._add(member, on_lost)
        return member

    def rejoin(self, member: Member, websocket: WebSocket, on_lost: Callable[[str], None], since_ns: int) -> None:
        """Take back a member that fell out or dropped: it is the same one, and its deliveries were expected meanwhile.

        It began to come back at `since_ns`, of this machine's clock.
        """
        if member in self._left:
            self._left.remove(member)
        if member.slot not in self._away:
            self.failed += 1
        if member.absences:
            from_ns, _ = member.absences[-1]
            member.absences[-1] = from_ns, since_ns
        member.websocket, member.away_s = websocket, None
        self._add(member, on_lost)

    def _add(self, member: Member, on_lost: Callable[[str], None]) -> None:
        websocket = member.websocket

        def ended() -> None:
            self._recorder.forget(tag)
            if self._present.get(member.slot) is not member or member.websocket is not websocket:
                return  # it left by plan, or is back already
            del self._present[member.slot]
            self._left.append(member)
            if member.resumes:
                member.absences.append((time.time_ns(), NEVER))
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
        """Count a user that could not join or fell out, and keep the reason."""
        self.failed += 1
        if problem not in self.problems:
            self.problems.append(problem)

    # Leaving

    def leave(self, member: Member, away_s: float | None = None) -> None:
        """Let a member leave by plan, with a close handshake, for `away_s` seconds or (`None`) forever."""
        if self._remove(member, away_s):
            member.websocket.close(CLOSE_LIMIT_S)

    def drop(self, member: Member, away_s: float) -> None:
        """Cut a member's connection by plan, for `away_s` seconds.

        One that resumes does not leave the room: what is said meanwhile is expected at it. It says nothing more, and is
        cut once what it said has had time to reach the server: an unread message is lost with its connection.
        """
        if not member.resumes:
            if self._remove(member, away_s):
                member.websocket.abort()
            return
        if member.slot in self._away:
            return
        self._away.add(member.slot)
        gevent.sleep(max(0.0, member.websocket.said_s + SETTLE_S - time.monotonic()))
        if self._present.get(member.slot) is not member or not member.websocket.is_open:
            if member.left_ns == NEVER:  # it fell out meanwhile, which was not planned
                self._away.discard(member.slot)
            return
        if not member.websocket.bookmark.since:  # type: ignore[union-attr]
            self.fail("--resume: the server does not say where a room is (welcome), so nobody can go on from there")
        del self._present[member.slot]
        self._left.append(member)
        member.away_s = away_s
        member.absences.append((time.time_ns(), NEVER))
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

    def stop_reading(self) -> None:
        """Leave unread what comes from now on."""
        for member in self._present.values():
            member.websocket.stop_reading()

    def plan(self, departures: list[Departure]) -> None:
        """Let members leave at the planned times."""
        self._departing.spawn(self._depart, departures)

    def cancel(self) -> None:
        """Cancel the planned departures."""
        self._departing.kill(block=False)

    def _depart(self, departures: list[Departure]) -> None:
        for departure in departures:
            if (wait_ns := departure.time_ns - self._clock.now_ns()) > 0:
                gevent.sleep(wait_ns / 1e9)
            member = self._present.get(departure.user)
            if member is None:
                continue  # it has not rejoined since its last departure
            # Each may wait: for what a member said last, or for the answer to its close frame.
            gevent.spawn(self.drop if departure.is_drop else self.leave, member, departure.away_s)

    # Members

    @property
    def slots(self) -> list[int]:
        """The slots of the members that are in the room, ascending."""
        return sorted(self._present)

    def owns(self, slot: int) -> bool:
        """Whether a slot is, or was, one of this process's."""
        return slot in self._own

    def is_away(self, slot: int) -> bool:
        """Whether the user of a slot left by plan, or is about to, and is to come back."""
        return slot in self._away

    def open_websocket(self, slot: int) -> WebSocket | None:
        """Return the connection of the member in a slot, `None` where there is none, or it cannot or is not to send."""
        member = self._present.get(slot)
        return member.websocket if member and member.websocket.is_open and slot not in self._away else None

    def records(self) -> Members:
        """Return the records of all members, those that left too, in the coordinator's time."""
        to_coordinator_ns = self._clock.from_system_ns
        rows = [
            (
                m.number,
                to_coordinator_ns(m.joined_ns),
                NEVER if m.left_ns == NEVER else to_coordinator_ns(m.left_ns),
                room_of(m.slot, self._rooms),
            )
            for m in (*self._present.values(), *self._left)
        ]
        return Members(*np.array(rows, np.int64).reshape(-1, 4).T)

    def absences(self) -> Absences:
        """Return when members were away that resumed or are to, in the coordinator's time."""
        to_coordinator_ns = self._clock.from_system_ns
        rows = [
            (m.number, to_coordinator_ns(from_ns), NEVER if until_ns == NEVER else to_coordinator_ns(until_ns))
            for m in (*self._present.values(), *self._left)
            for from_ns, until_ns in m.absences
        ]
        return Absences(*np.array(rows, np.int64).reshape(-1, 3).T)

    def forget(self, before_ns: int) -> None:
        """Forget members that left by plan, and absences that ended, before a time of the coordinator's clock."""
        from_system_ns = self._clock.from_system_ns
        self._left = [member for member in self._left if from_system_ns(member.left_ns) >= before_ns]
        for member in (*self._present.values(), *self._left):
            member.absences = [each for each in member.absences if from_system_ns(each[1]) >= before_ns]

    def forget_all_left(self) -> None:
        """Forget all members that are not in the room, but for those that come back to go on."""
        self._left = [member for member in self._left if member.left_ns == NEVER and member.slot in self._away]
