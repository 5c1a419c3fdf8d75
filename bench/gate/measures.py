"""The figures of a cell that a gate can check, each with its unit and with which direction is better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.analysis.brackets import Bracket, comparable_latency
from bench.model.percentile import Percentile
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
    """One figure of a cell, which `read` gives as a bracket; most have no width.

    A latency is `inf` among missing deliveries and in a saturated cell, an unknown figure `nan`. `percentile` is the
    one (0 to 100) that a window needs messages enough for.
    """

    unit: str
    read: Callable[[Cell], Bracket]
    higher_is_better: bool = False
    percentile: float | None = None

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


def _exactly(read: Callable[[Cell], float | None]) -> Callable[[Cell], Bracket]:
    """Read a figure that is known exactly, or not at all."""

    def read_bracket(cell: Cell) -> Bracket:
        value = read(cell)
        return Bracket(math.nan, math.nan) if value is None else Bracket(value, value)

    return read_bracket


def _latency(percentile: Percentile) -> Measure:
    return Measure("ms", lambda cell: comparable_latency(cell, percentile.field), percentile=percentile.number)


def _count(field: str) -> Measure:
    return Measure("", _exactly(lambda cell: getattr(cell, field)))


def _last_receiver(field: str, percentile: float) -> Measure:
    def read(cell: Cell) -> float:
        return math.inf if cell.saturated else or_infinite(getattr(cell.last_receiver_ms, field))

    return Measure("ms", _exactly(read), percentile=percentile)


MEASURES = {
    **{percentile.label: _latency(percentile) for percentile in Percentile},
    "max": Measure("ms", lambda cell: comparable_latency(cell, "max")),
    "last_receiver_p50": _last_receiver("p50", 50),
    "last_receiver_p99": _last_receiver("p99", 99),
    **{name: _count(name) for name in ("missing", "late", "corrupted", "duplicates", "reordered", "misrouted")},
    "deliveries_per_s": Measure("/s", _exactly(lambda cell: cell.deliveries_per_s), higher_is_better=True),
    "cpu_us_per_delivery": Measure("us", _exactly(lambda cell: cell.server.cpu_us_per_delivery)),
    "cpu_percent": Measure("%", _exactly(lambda cell: cell.server.cpu_percent)),
    "rss_mib": Measure("MiB", _exactly(lambda cell: cell.server.rss_mib)),
    "loop_lag_p99": Measure("ms", _exactly(lambda cell: cell.server.loop_lag_p99_ms)),
}
"""All measures by name; latencies are delivery latencies; `cpu_*`, `rss_mib` and `loop_lag_p99` are the server's."""
