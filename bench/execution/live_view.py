"""What a trial shows while it runs: the swarm's last second, and the load of the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.model.run import ServerSample, ServerStats
from bench.model.telemetry import intervals
from loadtest.live.seconds import LiveSecond

SPAN_NS = 10**9


class LiveView:
    """Follows the file in which the swarm writes a line a second."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0
        self._last: LiveSecond | None = None

    def text(self, samples: Sequence[ServerSample], telemetry: Sequence[ServerStats]) -> str:
        """Return the newest figures in words; nothing until there are any."""
        second = self._read()
        if second is None:
            return ""
        parts = [] if second.deliveries_per_s is None else [f"{second.deliveries_per_s:,.0f}/s"]
        if second.p50_ms is not None and second.p99_ms is not None:
            parts.append(f"p50 {second.p50_ms:.3g} ms, p99 {second.p99_ms:.3g} ms")
        if second.schedule_lag_p99_ms is not None:
            parts.append(f"lag {second.schedule_lag_p99_ms:.2g} ms")
        if second.missing:
            parts.append(f"{second.missing:,} missing")
        if (cpu := cpu_percent(samples)) is not None:
            parts.append(f"server {cpu:.0f} %")
        if (between := intervals(telemetry[-2:])) and between[0].loop_lag_p99_ms is not None:
            parts.append(f"loop lag {between[0].loop_lag_p99_ms:.2g} ms")
        return ", ".join(parts)

    def _read(self) -> LiveSecond | None:
        try:
            with self.path.open("rb") as file:
                file.seek(self._position)
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return None
        if whole:
            self._position += len(whole) + 1
            self._last = msgspec.json.decode(whole.splitlines()[-1], type=LiveSecond)
        return self._last


def cpu_percent(samples: Sequence[ServerSample]) -> float | None:
    """Return the share of a core that a server used in about the last second."""
    if not samples:
        return None
    last = samples[-1]
    before = next((each for each in reversed(samples) if last.time_ns - each.time_ns >= SPAN_NS), None)
    if before is None or before.pid != last.pid:
        return None
    return 100 * (last.cpu_s - before.cpu_s) * 1e9 / (last.time_ns - before.time_ns)
