"""How long the cyclic garbage collector stops the server."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec


class GcPauses(msgspec.Struct, frozen=True):
    """The garbage collector's runs since the server started, during which nothing else runs."""

    count: int
    total_ms: float
    max_ms: float


class GarbageWatch:
    """Times every run of the garbage collector."""

    def __init__(self) -> None:
        self._count = 0
        self._total_ns = 0
        self._max_ns = 0
        self._started_ns = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time the collector's runs for the length of the block."""
        gc.callbacks.append(self._note)
        try:
            yield
        finally:
            gc.callbacks.remove(self._note)

    def pauses(self) -> GcPauses:
        """Return the pauses so far."""
        return GcPauses(self._count, self._total_ns / 1e6, self._max_ns / 1e6)

    def _note(self, phase: str, _info: dict[str, Any]) -> None:
        if phase == "start":
            self._started_ns = time.monotonic_ns()
        else:
            pause_ns = time.monotonic_ns() - self._started_ns
            self._count += 1
            self._total_ns += pause_ns
            self._max_ns = max(self._max_ns, pause_ns)
