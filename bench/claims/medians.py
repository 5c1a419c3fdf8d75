"""Figures of a campaign's cells over its blocks: the median of the valid ones, and their range."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.errors import NoFigureError
from bench.model.summary import Cell, Summary, or_infinite

OfCell = Callable[[Cell], float | None]


class Spread(NamedTuple):
    """The median of a figure over blocks, its smallest and its largest value; `inf` is a latency of missing ones."""

    median: float
    low: float
    high: float


def valid_cells(summary: Summary, strategy: str, users: int) -> list[Cell]:
    """Return the valid cells of one strategy at one user count.

    Raises:
        NoFigureError: there is none.

    """
    cells = [cell for cell in summary.blocks_of(strategy, users) if cell.valid]
    if not cells:
        raise NoFigureError(f"{strategy} with {users:,} users has no valid cell; measure it again")
    return cells


def spread(cells: Sequence[Cell], of_cell: OfCell, what: str) -> Spread:
    """Return a figure's median and range over cells.

    Raises:
        NoFigureError: no cell has this figure.

    """
    values = [value for cell in cells if (value := of_cell(cell)) is not None and not math.isnan(value)]
    if not values:
        raise NoFigureError(f"no cell of {cells[0].strategy} with {cells[0].users:,} users has its {what}")
    return Spread(statistics.median(values), min(values), max(values))


def p50_ms(cell: Cell) -> float:
    """Return the median of the delivery latency."""
    return or_infinite(cell.latency_ms.p50)


def p50_lower_ms(cell: Cell) -> float:
    """Return the median of the delivery latency by the lower bounds of the arrivals."""
    return or_infinite((cell.latency_lower_ms or cell.latency_ms).p50)


def p99_ms(cell: Cell) -> float:
    """Return the p99 of the delivery latency."""
    return or_infinite(cell.latency_ms.p99)


def p99_lower_ms(cell: Cell) -> float:
    """Return the p99 of the delivery latency by the lower bounds of the arrivals."""
    return or_infinite((cell.latency_lower_ms or cell.latency_ms).p99)


def server_cpu_us(cell: Cell) -> float | None:
    """Return the server's CPU time of a delivery in microseconds."""
    return cell.server.cpu_us_per_delivery


def swarm_cpu_us(cell: Cell) -> float:
    """Return the swarm's CPU time of a delivery in microseconds."""
    return cell.generator.cpu_us_per_delivery
