"""The state of the workers: their last report, when it arrived, and how far their clocks are ahead."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from loadtest.coordinator.clock_offset import ClockEstimate, ClockOffset
from loadtest.worker.messages import Ping, Pong, State, ToWorker

SILENCE_LIMIT_S = 10.0
"""A worker reports several times a second; one that is silent for this long is taken for dead."""


@dataclass(slots=True)
class _Worker:
    state: State
    last_message_s: float
    clock: ClockOffset = field(default_factory=ClockOffset)


class Workers:
    """The workers by their names. Members are those of living workers; other sums are over all workers ever."""

    def __init__(self, send: Callable[[ToWorker, str], None]) -> None:
        self._send = send
        self._workers: dict[str, _Worker] = {}

    def receive(self, name: str, message: State | Pong) -> None:
        """Take a worker's report on itself."""
        if isinstance(message, Pong):
            self._workers[name].clock.update(message)
            return
        worker = self._workers.setdefault(name, _Worker(message, 0.0))
        worker.state = message
        worker.last_message_s = time.monotonic()
        if not worker.clock.is_shared:
            self._send(Ping(time.time_ns()), name)

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def names(self) -> set[str]:
        """All workers that ever sent a message."""
        return set(self._workers)

    @property
    def alive(self) -> set[str]:
        """The workers that sent a message recently."""
        now_s = time.monotonic()
        return {name for name, worker in self._workers.items() if now_s - worker.last_message_s < SILENCE_LIMIT_S}

    def clock(self, name: str) -> ClockEstimate:
        """Return how far a worker's clock is ahead of this one now."""
        return self._workers[name].clock.estimate

    def clock_uncertainty_ns(self, before: Mapping[str, ClockEstimate]) -> float:
        """Return how far the worst-known clock may have been off since some workers' clocks were estimated as `before`.

        That is the uncertainty then, or the one now and what the clock has moved since.
        """
        errors = [0.0]
        for name, then in before.items():
            now = self.clock(name)
            errors += [then.uncertainty_ns, now.uncertainty_ns + abs(now.ahead_ns - then.ahead_ns)]
        return max(errors)

    @property
    def members(self) -> list[int]:
        """The numbers of the members of all rooms, ascending."""
        return sorted(number for name in self.alive for number in self._workers[name].state.joined)

    @property
    def present(self) -> int:
        """How many users are in the room, stalled ones and flooders included."""
        states = (self._workers[name].state for name in self.alive)
        return sum(len(state.joined) + state.stalled + state.flooders for state in states)

    @property
    def stalled(self) -> int:
        """How many stalled users are in the room."""
        return sum(self._workers[name].state.stalled for name in self.alive)

    @property
    def failed(self) -> int:
        """How many users could not join or fell out, so far."""
        return sum(state.failed for state in self._states)

    @property
    def reads(self) -> int:
        """How many reads were made, so far."""
        return sum(state.reads for state in self._states)

    @property
    def sent(self) -> int:
        """How many stamped messages were sent, so far."""
        return sum(state.sent for state in self._states)

    @property
    def received(self) -> int:
        """How many stamped messages were received and parsed, so far."""
        return sum(state.received for state in self._states)

    @property
    def problems(self) -> list[str]:
        """What went wrong at the workers, so far, each problem once."""
        return sorted({problem for state in self._states for problem in state.problems})

    def outstanding(self, number: int, names: Iterable[str]) -> float:
        """How many deliveries of an ended window some workers still expect; infinite until all have counted."""
        return sum(self._workers[name].state.outstanding.get(number, math.inf) for name in names)

    @property
    def _states(self) -> list[State]:
        return [worker.state for worker in self._workers.values()]
