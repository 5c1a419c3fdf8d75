"""The swarm with a fault of its own in what it does before users join, for tests."""

from __future__ import annotations

import loadtest.swarm
from loadtest.coordinator.rehearsal import Rehearsal
from loadtest.locustfile import ChatUser, StepShape

__all__ = ["ChatUser", "StepShape"]


def fail(*_: object, **__: object) -> Rehearsal:
    raise RuntimeError("made up")


vars(loadtest.swarm)["rehearse"] = fail
