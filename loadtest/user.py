"""Chat users as Locust runs them: they join, stay and leave. The generator sends and receives for them."""

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
from loadtest.live.statistics import TYPE
from loadtest.protocols.driver import Bookmark
from loadtest.swarm import Swarm
from loadtest.worker.membership import Member, Membership

CONNECT_LIMIT_S = 30.0
RESUME_EVERY_S = 0.1
"""A user that resumes tries so often to come back: the server may take it for present until it has seen it go."""
THROTTLED_READ_EVERY_S = 0.1
MIN_RECEIVE_BUFFER_BYTES = 1
"""The system raises this to its own minimum, a few KiB."""


class RoomUser(User):
    """Joins the room; a user that cannot is reported as a failure and ends."""

    abstract = True

    def on_start(self) -> None:
        """Connect and register with the generator."""
        swarm = Swarm.of(self.environment)
        assert swarm.generator is not None
        number = swarm.next_number()
        if websocket := self.connect(swarm, number):
            self.joined(swarm.generator.members, number, websocket)

    def connect(
        self,
        swarm: Swarm,
        number: int,
        slot: int | None = None,
        bookmark: Bookmark | None = None,
        *,
        is_last_try: bool = True,
    ) -> WebSocket | None:
        """Connect to the room of a slot, a new user's own number; if the last try fails, the generator is told why.

        With a `bookmark` the user goes on where it has read to.
        """
        websocket = WebSocket(
            swarm.target,
            f"u{number:06d}",
            self.receive_buffer_bytes(swarm),
            swarm.room_name(number if slot is None else slot),
            bookmark or self.new_bookmark(swarm),
        )
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
        """Start what this kind of user does in the room."""
        raise NotImplementedError

    def new_bookmark(self, swarm: Swarm) -> Bookmark | None:  # noqa: ARG002
        """Return what follows how far this kind of user has read; `None` if it does not go on where it was."""
        return None

    def receive_buffer_bytes(self, swarm: Swarm) -> int | None:  # noqa: ARG002
        """Return the size of this kind of user's receive buffer; `None` for the system's default."""
        return None

    def report(self, name: str, started: float, error: Exception | None) -> None:
        """Report an event that began at `started` (perf_counter, seconds) to Locust's statistics.

        One that succeeded gets a row of its own and is not in Locust's total, which is of deliveries.
        """
        time_ms = (time.perf_counter() - started) * 1e3
        if error is None:
            self.environment.stats.get(name, TYPE).log(round(time_ms), 0)
            return
        fire: Any = self.environment.events.request.fire
        fire(
            request_type=TYPE,
            name=name,
            response_time=time_ms,
            response_length=0,
            exception=error,
            context=self.context(),
        )


class ChatUser(RoomUser):
    """A member that sends by schedule and receives everything."""

    member: Member | None = None

    def new_bookmark(self, swarm: Swarm) -> Bookmark | None:
        """Return one if users resume."""
        return swarm.target.endpoint.bookmark()

    def joined(self, members: Membership, number: int, websocket: WebSocket) -> None:
        """Become a member."""
        self.member = members.join(number, websocket, self._lost)

    @task
    def stay(self) -> None:
        """Stay until the connection ends; come back if that is planned or `--rejoin-every` is given.

        With `--resume` it is the same member that comes back, unless it was to be replaced by a new one.
        """
        while self.member:
            self.member.websocket.ended.wait()
            left, self.member = self.member, None
            self._come_back(left)
        raise StopUser

    def _come_back(self, left: Member) -> None:
        swarm = Swarm.of(self.environment)
        if swarm.generator is None:
            return
        members = swarm.generator.members
        is_replaced = left.left_ns != NEVER
        every_s = members.rejoin_every_s or (RESUME_EVERY_S if left.resumes and not is_replaced else 0.0)
        pause_s = left.away_s if left.away_s is not None else None if is_replaced else members.rejoin_every_s or None
        if pause_s is None:
            return
        gevent.sleep(pause_s)
        number = swarm.next_number() if is_replaced else left.number
        bookmark = None if is_replaced else left.websocket.bookmark
        began_ns = time.time_ns()
        while (websocket := self.connect(swarm, number, left.slot, bookmark, is_last_try=not every_s)) is None:
            if not every_s:
                return
            gevent.sleep(every_s)
            began_ns = time.time_ns()
        if is_replaced:
            self.member = members.join(number, websocket, self._lost, left.slot)
        else:
            members.rejoin(left, websocket, self._lost, began_ns)
            self.member = left

    def on_stop(self) -> None:
        """Leave the room."""
        generator = Swarm.of(self.environment).generator
        if self.member and generator:
            generator.members.leave(self.member)

    def _lost(self, reason: str) -> None:
        self.report("connection lost", time.perf_counter(), LostError(reason))


class StalledUser(RoomUser):
    """A member that reads slowly or never, with a small receive buffer; `--stalled` says how many there are."""

    abstract = True  # Locust gets this class only when there are to be stalled users
    websocket: WebSocket | None = None

    def receive_buffer_bytes(self, swarm: Swarm) -> int | None:
        """Return twice the bytes of a read, as the system keeps half of the buffer for itself."""
        return max(MIN_RECEIVE_BUFFER_BYTES, 2 * _throttled_read_bytes(swarm))

    def joined(self, members: Membership, number: int, websocket: WebSocket) -> None:  # noqa: ARG002
        """Register as stalled."""
        self.websocket = websocket
        members.stalled.add(websocket)

    @task
    def stall(self) -> None:
        """Read at the throttled rate, or nothing, until stopped."""
        if self.websocket:
            read_bytes = _throttled_read_bytes(Swarm.of(self.environment))
            while read_bytes and not self.websocket.ended.wait(THROTTLED_READ_EVERY_S):
                self.websocket.read_texts(read_bytes)
            self.websocket.ended.wait()
        raise StopUser

    def on_stop(self) -> None:
        """Abort the connection, without a close handshake."""
        generator = Swarm.of(self.environment).generator
        if self.websocket and generator:
            generator.members.stalled.discard(self.websocket)
            self.websocket.abort()


class FloodUser(RoomUser):
    """A member that reads everything and sends nothing but a flood; `--flooders` says how many there are."""

    abstract = True  # Locust gets this class only when there are to be flooders
    websocket: WebSocket | None = None

    def joined(self, members: Membership, number: int, websocket: WebSocket) -> None:  # noqa: ARG002
        """Register as a flooder."""
        self.websocket = websocket
        websocket.drop_reads()
        members.flooders.add(websocket)

    @task
    def stay(self) -> None:
        """Stay until the connection ends; a server may well end it."""
        if self.websocket:
            self.websocket.ended.wait()
        raise StopUser

    def on_stop(self) -> None:
        """Leave."""
        generator = Swarm.of(self.environment).generator
        if self.websocket and generator:
            generator.members.flooders.discard(self.websocket)
            self.websocket.abort()


def _throttled_read_bytes(swarm: Swarm) -> int:
    assert swarm.run_options is not None
    return math.ceil(swarm.run_options.stalled_bytes_per_s * THROTTLED_READ_EVERY_S)


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"the swarm ran out of descriptors ({error.strerror}); raise the limit on open files (ulimit -Hn)"
    return f"a user could not join: {error}"
