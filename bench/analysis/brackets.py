"""A latency of a cell as what is known of it: a bracket, and whether it is finite at all."""

from __future__ import annotations

import math
from typing import NamedTuple

from bench.model.summary import Cell, or_infinite


class Bracket(NamedTuple):
    """A latency in milliseconds that lies from `low` to `high`; both are infinite where it has no bound."""

    low: float
    high: float


def comparable_p99(cell: Cell) -> Bracket:
    """Return the p99 of the delivery latency as one that others can be compared with."""
    return comparable_latency(cell, "p99")


def comparable_latency(cell: Cell, percentile: str) -> Bracket:
    """Return a percentile of the delivery latency, a field of `Latency`, that others can be compared with.

    It is infinite where it falls among missing deliveries, and in a saturated cell, whose latency grows with the
    length of the window. Results without the lower bound have a bracket without width.
    """
    high = math.inf if cell.saturated else or_infinite(getattr(cell.latency_ms, percentile))
    if math.isinf(high) or cell.latency_lower_ms is None:
        return Bracket(high, high)
    return Bracket(min(high, or_infinite(getattr(cell.latency_lower_ms, percentile))), high)
