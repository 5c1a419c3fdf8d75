"""The swarm with a short limit for a room that is not quiet, for tests."""

from __future__ import annotations

import loadtest.coordinator.coordinator
from loadtest.locustfile import ChatUser, StepShape

__all__ = ["ChatUser", "StepShape"]

loadtest.coordinator.coordinator.QUIET_LIMIT_S = 2.0
