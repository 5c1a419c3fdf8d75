"""Which percentiles the windows of a campaign carry."""

from __future__ import annotations

from collections.abc import Iterable

from bench.model.plan import Workload
from bench.model.summary import Cell
from loadtest.ledger.percentile_support import is_supported


def carries(cell: Cell, workload: Workload, percentile: float) -> bool:
    """Tell whether a cell has enough messages for a percentile (0 to 100) of its latencies."""
    return is_supported(percentile, messages_of(cell, workload))


def all_carry(cells: Iterable[Cell], workload: Workload, percentile: float) -> bool:
    """Tell whether each cell has enough messages: a median over blocks is no better than its blocks."""
    return all(carries(cell, workload, percentile) for cell in cells)


def messages_of(cell: Cell, workload: Workload) -> int:
    """Return the number of messages that the percentiles of a cell rest on.

    Poisson arrivals scatter around their mean, so two cells of one plan would differ in what they carry: the mean
    counts, less what was withdrawn, and more where more were sent.
    """
    return max(cell.offered_messages, round(cell.rooms * workload.room_rate * cell.window_s) - cell.withdrawn_messages)
