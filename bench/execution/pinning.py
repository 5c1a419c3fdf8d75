"""Which cores the server and the swarm are bound to."""

from __future__ import annotations

import os
import sys

from bench.model.environment import Pinning


def choose_pinning() -> Pinning:
    """Give the first core to the server and the others to the swarm, where the system lets us choose."""
    if sys.platform != "linux":
        return Pinning()
    first, *others = sorted(os.sched_getaffinity(0))
    return Pinning((first,), tuple(others)) if others else Pinning()
