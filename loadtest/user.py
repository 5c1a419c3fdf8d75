"""Chat users: what one does in the room is the generator's affair; here it joins, stays and leaves."""

from __future__ import annotations

import errno
import math
import time
from typing import Any

import gevent
from locust import User, task
from locust.exception import StopUser

from loadtest.client.websocket import WebSocket
from loadtest.errors import ConnectError, LostError
from loadtest.ledger.records import NEVER
from loadtest.live import TYPE
from loadtest.swarm import Swarm
from loadtest.worker.membership import Member, Membership

CONNECT_LIMIT_S = 30.0
THROTTLED_READ_EVERY_S = 0.1
MIN_RECEIVE_BUFFER_BYTES = 1
"""The system makes of it the least that it allows, a few KiB."""


class RoomUser(User):
    """Joins the room; a user that cannot is reported as a failure and ends."""

    abstract = True

    def on_start(self) -> None:
        """Connect, and tell the generator."""
        swarm = Swarm.of(self.environment)
        assert swarm.generator is not None
        number = swarm.next_number()
        if websocket := self.connect(swarm, number):
            self.joined(swarm.generator.members, number, websocket)

    def connect(self, swarm: Swarm, number: int, *, is_last_try: bool = True) -> WebSocket | None:
        """Connect; where that fails for the last time, the generator is told why."""
        websocket = WebSocket(swarm.target, f"u{number:06d}", self.receive_buffer_bytes(swarm))
        started = time.perf_counter()
        try:
            websocket.connect(CONNECT_LIMIT_S)
        except (ConnectError, OSError) as error:
            self.report("connect", started, error)
            if is_last_try and swarm.generator:
                swarm.generator.members.fail(_problem(error).replace(websocket.user, "NAME"))
            return None
        self.report("connect", started, None)
        return websocket

    def joined(self, members: Membership, number: int, websocket: WebSocket) -> None:
        """Do what this kind of user does once it is in."""
        raise NotImplementedError

    def receive_buffer_bytes(self, swarm: Swarm) -> int | None:  # noqa: ARG002
        """Return the size of this kind of user's receive buffer; `None` is the system's own."""
        return None

    def report(self, name: str, started: float, error: Exception | None) -> None:
        """Tell Locust's statistics of something that began at `started` (perf_counter, seconds)."""
        fire: Any = self.environment.events.request.fire
        fire(
            request_type=TYPE,
            name=name,
            response_time=(time.perf_counter() - started) * 1e3,
            response_length=0,
            exception=error,
            context=self.context(),
        )


class ChatUser(RoomUser):
    """A member that sends when the schedule says so and receives everything."""

    member: Member | None = None

    def joined(self, members: Membership, number: int, websocket: WebSocket) -> None:
        """Become a member."""
        self.member = members.join(number, websocket, self._lost)

    @task
    def stay(self) -> None:
        """Stay until the connection ends; come back where that is planned, or `--rejoin-every` says so."""
        while self.member:
            self.member.websocket.ended.wait()
            gone, self.member = self.member, None
            self._come_back(gone)
        raise StopUser

    def _come_back(self, gone: Member) -> None:
        swarm = Swarm.of(self.environment)
        if swarm.generator is None:
            return
        members = swarm.generator.members
        every_s = members.rejoin_every_s
        was_planned = gone.left_ns != NEVER
        pause_s = gone.away_s if was_planned else every_s or None
        if pause_s is None:
            return
        gevent.sleep(pause_s)
        number = swarm.next_number() if was_planned else gone.number
        while (websocket := self.connect(swarm, number, is_last_try=not every_s)) is None:
            if not every_s:
                return
            gevent.sleep(every_s)
        if was_planned:
            self.member = members.join(number, websocket, self._lost, gone.slot)
        else:
            members.rejoin(gone, websocket, self._lost)
            self.member = gone

    def on_stop(self) -> None:
        """Leave the room."""
        generator = Swarm.of(self.environment).generator
        if self.member and generator:
            generator.members.leave(self.member)

    def _lost(self, reason: str) -> None:
        self.report("connection lost", time.perf_counter(), LostError(reason))


class StalledUser(RoomUser):
    """A member that reads slowly or never, with a receive buffer to match; `--stalled` says how many there are."""

    abstract = True  # Locust is only told of it when there are to be some
    websocket: WebSocket | None = None

    def receive_buffer_bytes(self, swarm: Swarm) -> int | None:
        """Return room for what is read at a time, twice, as the system keeps half of it to itself."""
        return max(MIN_RECEIVE_BUFFER_BYTES, 2 * _throttled_read_bytes(swarm))

    def joined(self, members: Membership, number: int, websocket: WebSocket) -> None:  # noqa: ARG002
        """Be there, and no more."""
        self.websocket = websocket
        members.stalled.add(websocket)

    @task
    def stall(self) -> None:
        """Read a little now and then, or nothing, until told to stop."""
        if self.websocket:
            read_bytes = _throttled_read_bytes(Swarm.of(self.environment))
            while read_bytes and not self.websocket.ended.wait(THROTTLED_READ_EVERY_S):
                self.websocket.read_throttled(read_bytes)
            self.websocket.ended.wait()
        raise StopUser

    def on_stop(self) -> None:
        """Go without a word."""
        generator = Swarm.of(self.environment).generator
        if self.websocket and generator:
            generator.members.stalled.discard(self.websocket)
            self.websocket.abort()


def _throttled_read_bytes(swarm: Swarm) -> int:
    return math.ceil(swarm.options.stalled_bytes_per_s * THROTTLED_READ_EVERY_S)


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"the swarm ran out of descriptors ({error.strerror}); raise the limit on open files (ulimit -Hn)"
    return f"a user could not join: {error}"
