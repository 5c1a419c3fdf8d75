"""The swarm with less patience for a room that is not quiet, so that a test needs not wait so long."""

from __future__ import annotations

import loadtest.coordinator.coordinator
from loadtest.locustfile import ChatUser, StepShape

__all__ = ["ChatUser", "StepShape"]

loadtest.coordinator.coordinator.QUIET_LIMIT_S = 2.0
