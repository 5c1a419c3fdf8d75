"""What a conductor knows of its generators: their last words, when it heard them, and how their clocks stand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loadtest.schedule.clock import boot_id
from loadtest.worker.messages import Ping, Pong, State, ToGenerator

SILENT_S = 10.0
"""A generator speaks several times a second; one that is silent for this long is taken for dead."""
PINGS = 8


@dataclass(slots=True)
class _Peer:
    state: State
    heard_s: float
    pings: int = 0
    ahead_ns: int = 0
    uncertainty_ns: float = math.inf


class Peers:
    """The generators by their names. Only living ones have members in the room; other sums are over all ever heard.

    A generator on this very system (by its boot id) has this clock. How far another one's clock is ahead is estimated
    from the ping with the shortest way there and back: it was read somewhere in between (Cristian's algorithm).
    """

    def __init__(self, tell: Callable[[ToGenerator, str], None]) -> None:
        self._tell = tell
        self._peers: dict[str, _Peer] = {}

    def hear(self, name: str, message: State | Pong) -> None:
        """Take what a generator says of itself."""
        if isinstance(message, Pong):
            self._take_time(self._peers[name], message)
            return
        peer = self._peers.setdefault(name, _Peer(message, 0.0))
        peer.state = message
        peer.heard_s = time.monotonic()
        if peer.pings < PINGS:
            peer.pings += 1
            self._tell(Ping(time.time_ns()), name)

    def _take_time(self, peer: _Peer, pong: Pong) -> None:
        if pong.boot_id and pong.boot_id == boot_id():
            peer.ahead_ns, peer.uncertainty_ns = 0, 0
            return
        now_ns = time.time_ns()
        uncertainty_ns = (now_ns - pong.ping_ns) / 2
        if uncertainty_ns < peer.uncertainty_ns:
            peer.ahead_ns = pong.time_ns - (now_ns + pong.ping_ns) // 2
            peer.uncertainty_ns = uncertainty_ns

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def names(self) -> set[str]:
        """All generators that were ever heard."""
        return set(self._peers)

    @property
    def alive(self) -> set[str]:
        """The generators that spoke of late."""
        now_s = time.monotonic()
        return {name for name, peer in self._peers.items() if now_s - peer.heard_s < SILENT_S}

    def ahead_ns(self, name: str) -> int:
        """How far a generator's clock is ahead of this one."""
        return self._peers[name].ahead_ns

    @property
    def clock_uncertainty_ns(self) -> float:
        """How far the worst-known clock may be off from where it is believed to be; infinite before it was asked."""
        return max((peer.uncertainty_ns for peer in self._peers.values()), default=math.inf)

    @property
    def room(self) -> list[int]:
        """The members that are in, in the order of their numbers."""
        return sorted(number for name in self.alive for number in self._peers[name].state.joined)

    @property
    def present(self) -> int:
        """How many users are in, stalled ones included."""
        return sum(len(self._peers[name].state.joined) + self._peers[name].state.stalled for name in self.alive)

    @property
    def stalled(self) -> int:
        """How many users are in that never read."""
        return sum(self._peers[name].state.stalled for name in self.alive)

    @property
    def failed(self) -> int:
        """How many users could not join or fell out, so far."""
        return sum(state.failed for state in self._states)

    @property
    def reads(self) -> int:
        """How often something was read, so far."""
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
        """What went wrong at the generators, so far, each but once."""
        return sorted({problem for state in self._states for problem in state.problems})

    def outstanding(self, number: int, names: Iterable[str]) -> float:
        """How many deliveries of an ended window have not come at some generators; infinite until all have counted."""
        return sum(self._peers[name].state.outstanding.get(number, math.inf) for name in names)

    @property
    def _states(self) -> list[State]:
        return [peer.state for peer in self._peers.values()]
