"""Chat users: what one does in the room is the generator's affair; here it joins, stays and leaves."""

from __future__ import annotations

import errno
import time
from typing import Any

from locust import User, task
from locust.exception import StopUser

from loadtest.generator import Generator, Member
from loadtest.live import TYPE
from loadtest.swarm import Swarm
from loadtest.websocket import ConnectError, WebSocket

CONNECT_LIMIT_S = 30.0
CLOSE_LIMIT_S = 2.0
LEAST_RECEIVE_BUFFER_BYTES = 1
"""The system makes of it the least that it allows, a few KiB."""


class LostError(Exception):
    """A member fell out of the room without having planned to."""


class RoomUser(User):
    """Joins the room; a user that cannot is reported as a failure and ends."""

    abstract = True
    receive_buffer_bytes: int | None = None

    def on_start(self) -> None:
        """Connect, and tell the generator."""
        swarm = Swarm.of(self.environment)
        assert swarm.generator is not None
        number = swarm.next_number()
        websocket = WebSocket(swarm.target, f"u{number:06d}", self.receive_buffer_bytes)
        started = time.perf_counter()
        try:
            websocket.connect(CONNECT_LIMIT_S)
        except (ConnectError, OSError) as error:
            self.report("connect", started, error)
            swarm.generator.member_failed(_problem(error).replace(websocket.user, "NAME"))
        else:
            self.report("connect", started, None)
            self.joined(swarm.generator, number, websocket)

    def joined(self, generator: Generator, number: int, websocket: WebSocket) -> None:
        """Do what this kind of user does once it is in."""
        raise NotImplementedError

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

    def joined(self, generator: Generator, number: int, websocket: WebSocket) -> None:
        """Become a member."""
        self.member = generator.join(number, websocket, self._lost)

    @task
    def stay(self) -> None:
        """Stay until the connection ends."""
        if self.member:
            self.member.websocket.ended.wait()
        raise StopUser

    def on_stop(self) -> None:
        """Leave the room."""
        generator = Swarm.of(self.environment).generator
        if self.member and generator:
            generator.leave(self.member, CLOSE_LIMIT_S)

    def _lost(self, reason: str) -> None:
        self.report("connection lost", time.perf_counter(), LostError(reason))


class StalledUser(RoomUser):
    """A member that never reads, with the least receive buffer there is; `--stalled` says how many there are."""

    abstract = True  # Locust is only told of it when there are to be some
    receive_buffer_bytes = LEAST_RECEIVE_BUFFER_BYTES
    websocket: WebSocket | None = None

    def joined(self, generator: Generator, number: int, websocket: WebSocket) -> None:  # noqa: ARG002
        """Be there, and no more."""
        self.websocket = websocket
        generator.join_stalled(websocket)

    @task
    def stall(self) -> None:
        """Do nothing until told to stop."""
        if self.websocket:
            self.websocket.ended.wait()
        raise StopUser

    def on_stop(self) -> None:
        """Go without a word."""
        generator = Swarm.of(self.environment).generator
        if self.websocket and generator:
            generator.leave_stalled(self.websocket)


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"the swarm ran out of descriptors ({error.strerror}); raise the limit on open files (ulimit -Hn)"
    return f"a user could not join: {error}"
