"""The figures of a cell that a gate can check, each with its unit and with which direction is better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.model.summary import Cell, or_infinite

UNITS = {
    "ms": {"us": 0.001, "ms": 1.0, "s": 1000.0},
    "us": {"us": 1.0, "ms": 1000.0, "s": 1_000_000.0},
    "MiB": {"MiB": 1.0, "GiB": 1024.0},
    "%": {"%": 1.0},
    "/s": {"/s": 1.0},
    "": {},
}
"""For each unit of a measure, the units that a bound may be given in, each in terms of the measure's unit."""


@dataclass(frozen=True)
class Measure:
    """One figure of a cell; `read` gives `inf` for missing deliveries' latency and `nan` for an unknown figure."""

    unit: str
    read: Callable[[Cell], float]
    higher_is_better: bool = False

    @property
    def is_count(self) -> bool:
        """Whether it counts faults: such a count is mostly 0, so ratios are meaningless."""
        return not self.unit

    @property
    def worst(self) -> float:
        """The value of a user count that was not reached because the server was overloaded at a smaller one."""
        return 0.0 if self.higher_is_better else math.inf

    def show(self, value: float) -> str:
        """Format a value with its unit."""
        if math.isinf(value):
            return "never"
        digits = f"{value:,.0f}" if self.is_count or value >= 100 else f"{value:.3g}"
        return f"{digits} {self.unit}".rstrip()


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


MEASURES = {
    "p50": Measure("ms", lambda cell: or_infinite(cell.latency_ms.p50)),
    "p90": Measure("ms", lambda cell: or_infinite(cell.latency_ms.p90)),
    "p99": Measure("ms", lambda cell: or_infinite(cell.latency_ms.p99)),
    "p99.9": Measure("ms", lambda cell: or_infinite(cell.latency_ms.p99_9)),
    "max": Measure("ms", lambda cell: or_infinite(cell.latency_ms.max)),
    "last_receiver_p50": Measure("ms", lambda cell: or_infinite(cell.last_receiver_ms.p50)),
    "last_receiver_p99": Measure("ms", lambda cell: or_infinite(cell.last_receiver_ms.p99)),
    "missing": Measure("", lambda cell: cell.missing),
    "late": Measure("", lambda cell: cell.late),
    "corrupted": Measure("", lambda cell: cell.corrupted),
    "duplicates": Measure("", lambda cell: cell.duplicates),
    "reordered": Measure("", lambda cell: cell.reordered),
    "deliveries_per_s": Measure("/s", lambda cell: cell.deliveries_per_s, higher_is_better=True),
    "cpu_us_per_delivery": Measure("us", lambda cell: _or_nan(cell.server.cpu_us_per_delivery)),
    "cpu_percent": Measure("%", lambda cell: _or_nan(cell.server.cpu_percent)),
    "rss_mib": Measure("MiB", lambda cell: _or_nan(cell.server.rss_mib)),
    "loop_lag_p99": Measure("ms", lambda cell: _or_nan(cell.server.loop_lag_p99_ms)),
}
"""All measures by name; latencies are delivery latencies; `cpu_*`, `rss_mib` and `loop_lag_p99` are the server's."""
