"""The search for the largest load within the SLO: which load to try next, and the outcome of all tries of a load."""

from __future__ import annotations

import math
from collections import Counter
from enum import StrEnum

import msgspec

GROWTH = 2


class Outcome(StrEnum):
    """The outcome of one try of a load; a doubtful one is invalid and says nothing about the server."""

    HELD = "held"
    FAILED = "failed"
    DOUBTFUL = "doubtful"

    @property
    def label(self) -> str:
        """The outcome as people read it; its value is what `capacity.json` holds."""
        return {"held": "passed", "failed": "failed", "doubtful": "invalid"}[self]


class Rules(msgspec.Struct, frozen=True):
    """Where a search starts and when it ends; loads are integers from 1 to `limit`.

    It stops bisecting where two loads are adjacent or within `resolution` (0.05 is 5 %), and tries the loads that
    bound the result `repeats` times.
    """

    start: int
    limit: int
    repeats: int
    resolution: float


class Search:
    """Grows a load until it fails, bisects, and repeats at the edge.

    Try each `next_load()` and `record()` its outcome, until it is `None`. The outcome of a load is that of most of its
    valid tries; a tie counts as failed. A chance outcome is overruled once its load bounds the result and is repeated.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._votes: dict[int, Counter[Outcome]] = {}
        self._is_refused = False

    def record(self, load: int, outcome: Outcome, *, refused: bool = False) -> None:
        """Record the outcome of one try; one that was `refused`, as every other would be, ends the search."""
        self._votes.setdefault(load, Counter())[outcome] += 1
        self._is_refused |= refused

    def outcome(self, load: int) -> Outcome | None:
        """Return the outcome of all tries of a load; `None` while too few are valid."""
        votes = self._votes[load]
        if votes[Outcome.DOUBTFUL] > self._rules.repeats // 2:
            return Outcome.DOUBTFUL
        if not self._valid_tries(load):
            return None
        return Outcome.HELD if votes[Outcome.HELD] > votes[Outcome.FAILED] else Outcome.FAILED

    @property
    def edge(self) -> int | None:
        """The smallest load that failed or stayed doubtful, if any."""
        ends = (load for load in self._votes if self.outcome(load) in {Outcome.FAILED, Outcome.DOUBTFUL})
        return min(ends, default=None)

    @property
    def held(self) -> int:
        """The largest load below the edge that was held, or 0."""
        return max(self._held(), default=0)

    @property
    def low(self) -> int:
        """The largest load up to `held` that was held in all its tries, or 0."""
        return max((load for load in self._held() if not self._votes[load][Outcome.FAILED]), default=0)

    @property
    def high(self) -> int | None:
        """The smallest load that failed in all its tries, if any."""
        failed = (load for load in self._votes if self.outcome(load) is Outcome.FAILED)
        return min((load for load in failed if not self._votes[load][Outcome.HELD]), default=None)

    @property
    def is_confirmed(self) -> bool:
        """Whether the edge is known, by as many tries as the rules ask for."""
        return not self._is_refused and self.next_load() is None

    def next_load(self) -> int | None:
        """Return the load to try next, or `None` once the edge is known and confirmed, or a try was refused."""
        if self._is_refused:
            return None
        held, edge, limit = self.held, self.edge, self._rules.limit
        if unsettled := [load for load in self._votes if self.outcome(load) is None]:
            return unsettled[0]
        if edge is None and held < limit:
            return min(limit, held * GROWTH) or self._rules.start
        if edge is not None and edge > 1 and not held:
            return edge // GROWTH
        if edge is not None and edge - held > 1 and edge > held * (1 + self._rules.resolution):
            return min(max(round(math.sqrt(held * edge)), held + 1), edge - 1)
        return self._unconfirmed() or self._wider()

    def _unconfirmed(self) -> int | None:
        """Return an end of the bracket, or of the interval around it, that was tried too few times."""
        ends = [load for load in (self.held, self.edge, self.low, self.high) if load]
        for load in ends:
            if self.outcome(load) is not Outcome.DOUBTFUL and self._valid_tries(load) < self._rules.repeats:
                return load
        return None

    def _wider(self) -> int | None:
        """Return a load outside all tried ones if none of these was held, or failed, in all its tries.

        It is as far outside as they reach beyond the edge, so that the interval is not much wider than it has to be.
        """
        smallest, largest, limit = min(self._votes), max(self._votes), self._rules.limit
        if self.held and not self.low and smallest > 1:
            return max(1, min(round(smallest / self._reach((self.edge or largest) / smallest)), smallest - 1))
        edge_failed = self.edge is not None and self.outcome(self.edge) is Outcome.FAILED
        if edge_failed and self.high is None and largest < limit and self.outcome(largest) is not Outcome.DOUBTFUL:
            return min(limit, max(round(largest * self._reach(largest / max(self.held, 1))), largest + 1))
        return None

    def _reach(self, ratio: float) -> float:
        return min(max(ratio, 1 + self._rules.resolution), GROWTH)

    def _held(self) -> list[int]:
        edge = self.edge or math.inf
        return [load for load in self._votes if load < edge and self.outcome(load) is Outcome.HELD]

    def _valid_tries(self, load: int) -> int:
        votes = self._votes[load]
        return votes[Outcome.HELD] + votes[Outcome.FAILED]
