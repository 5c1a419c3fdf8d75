"""Waits before a window: until the users have joined, and until the room is quiet."""

from __future__ import annotations

import time

import gevent
import gevent.event

from loadtest.coordinator.collector import POLL_S
from loadtest.coordinator.workers import Workers

QUIET_S = 0.5
"""A room is quiet once nothing was read for this long."""
INTERRUPTED_QUIET_LIMIT_S = 3.0
"""Once the run is to end, the wait for a quiet room takes at most this long."""


def wait_for_users(workers: Workers, users: int, limit_s: float, stop: gevent.event.Event) -> None:
    """Wait until all users have joined or failed to, or left where there are to be fewer; at most `limit_s`."""
    failed_before = workers.failed
    limit = time.monotonic() + limit_s

    def is_complete() -> bool:
        present, failed = workers.present, workers.failed - failed_before
        return present == users or (present < users <= present + failed)

    while not is_complete() and time.monotonic() < limit and not stop.wait(POLL_S):
        pass


def wait_for_quiet(workers: Workers, limit_s: float, stop: gevent.event.Event) -> bool:
    """Wait until nothing was read for a while, at most `limit_s`; return whether the room was quiet."""
    limit = time.monotonic() + limit_s
    reads, since = -1, time.monotonic()
    while time.monotonic() < limit:
        if workers.reads != reads:
            reads, since = workers.reads, time.monotonic()
        elif time.monotonic() - since >= QUIET_S:
            return True
        if stop.is_set():
            limit = min(limit, time.monotonic() + INTERRUPTED_QUIET_LIMIT_S)
        gevent.sleep(POLL_S)
    return False
