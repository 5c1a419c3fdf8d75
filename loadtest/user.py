"""A chat user: joins the room, sends when the schedule says so, receives everything, leaves."""

from __future__ import annotations

import errno
import time
from typing import Any

from locust import User, task
from locust.exception import StopUser

from loadtest.generator import Member
from loadtest.live import TYPE
from loadtest.swarm import Swarm
from loadtest.websocket import ConnectError, WebSocket

CONNECT_LIMIT_S = 30.0
CLOSE_LIMIT_S = 2.0


class LostError(Exception):
    """A member fell out of the room without having planned to."""


class ChatUser(User):
    """One member of the room. What it sends and when is the generator's affair; it only stays."""

    member: Member | None = None

    def on_start(self) -> None:
        """Join the room; a user that cannot is reported as a failure and ends."""
        swarm = Swarm.of(self.environment)
        generator = swarm.generator
        assert generator is not None
        number = swarm.next_number()
        websocket = WebSocket(swarm.target, f"u{number:06d}")
        started = time.perf_counter()
        try:
            websocket.connect(CONNECT_LIMIT_S)
        except (ConnectError, OSError) as error:
            self._report("connect", started, error)
            generator.join_failed(_problem(error))
        else:
            self._report("connect", started, None)
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
        self._report("connection lost", time.perf_counter(), LostError(reason))

    def _report(self, name: str, started: float, error: Exception | None) -> None:
        fire: Any = self.environment.events.request.fire
        fire(
            request_type=TYPE,
            name=name,
            response_time=(time.perf_counter() - started) * 1e3,
            response_length=0,
            exception=error,
            context=self.context(),
        )


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"the swarm ran out of descriptors ({error.strerror}); raise the limit on open files (ulimit -Hn)"
    return f"a user could not join: {error}"
