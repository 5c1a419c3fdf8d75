"""What was measured at one user count: its windows, their costs and problems."""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtest.ledger.handover import Cost
from loadtest.ledger.records import Window


@dataclass(slots=True)
class Measured:
    """The judged windows of one user count; `costs` has one list a window, one entry a worker.

    Where a member that falls out `rejoins`, what it could not send meanwhile is missing, and the step stays valid.
    `is_complete` tells whether all workers handed over their ledgers. `clock_uncertainty_ns` is how far a worker's
    clock may have been off, in the worst window. It `has_backlog` if deliveries were outstanding when a window's
    ledgers were handed over.
    """

    users: int
    joined: int
    stalled: int
    windows: list[Window] = field(default_factory=list)
    costs: list[list[Cost]] = field(default_factory=list)
    is_complete: bool = True
    problems: list[str] = field(default_factory=list)
    clock_uncertainty_ns: float = 0.0
    rejoins: bool = False
    wanted_stalled: int = 0
    has_backlog: bool = False
    rooms: int = 1

    def note(self, *problems: str) -> None:
        """Keep problems that make the figures invalid, each once."""
        self.problems += [problem for problem in problems if problem not in self.problems]
