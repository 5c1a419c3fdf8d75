"""The latency and the recovery of runs of a scenario, in words: brackets, saturation, and what is not known."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from bench.analysis.support import carries
from bench.model.percentile import Percentile
from bench.presentation.comparison_wording import p99_in_words, saturation
from bench.scenarios.result import Row
from loadtest.ledger.result import wide_bracket_ms

UNKNOWN = "-"
NOT_YET = "not yet"


def healthy_p99(rows: Sequence[Row]) -> str:
    """Write the median p99 of the healthy users over runs in milliseconds; `-` where there are too few messages."""
    measured = [(row, row.cell) for row in rows if row.cell]
    if not measured or not all(carries(cell, row.conditions.workload, Percentile.P99.number) for row, cell in measured):
        return UNKNOWN
    cells = [cell for _, cell in measured]
    return p99_in_words(cells) + saturation(cells)


def recovery_s(rows: Sequence[Row]) -> str:
    """Write the median time to recover over runs, in seconds; `-` where none was measured.

    Seconds are judged by the upper ends of latencies. Where the p99 of a run is a wide bracket, a room may have been
    well although its seconds say that it was not: the time is known from above, or not at all.
    """
    measured = [row for row in rows if row.cell]
    if not measured:
        return UNKNOWN
    highest = [math.inf if row.time_to_recover_s is None else row.time_to_recover_s for row in measured]
    lowest = [0.0 if _is_in_doubt(row) else high for row, high in zip(measured, highest, strict=True)]
    high_s, low_s = statistics.median(highest), statistics.median(lowest)
    if math.isinf(high_s):
        return NOT_YET if math.isinf(low_s) else UNKNOWN
    return f"{high_s:.1f}" if low_s == high_s else f"at most {high_s:.1f}"


def _is_in_doubt(row: Row) -> bool:
    bracket_ms = wide_bracket_ms(row.cell) if row.cell else None
    return bracket_ms is not None and bracket_ms[0] <= row.conditions.slo_ms
