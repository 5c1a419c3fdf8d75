"""How the server's CPU time for one message grows with the room: O(1) is a power of 0, O(n) one of 1."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import stats

from bench.analysis.max_users import MIN_DELIVERED_RATIO
from bench.model.summary import Cell, Summary

CONFIDENCE = 0.95
MIN_POINTS = 3
MIN_BLOCKS = 2


class Growth(msgspec.Struct, frozen=True):
    """The power `p` in CPU per message ~ users^p, fitted in each block, and its 95 % interval over blocks.

    `cpu_us` is the median CPU time of a message in microseconds at each of `users`.
    """

    strategy: str
    users: list[int]
    cpu_us: list[float]
    power: float
    low: float
    high: float
    blocks: int


def growths(summary: Summary) -> list[Growth]:
    """Fit every arm's valid cells in which the server kept up; arms with too few are left out."""
    return [growth for arm in summary.plan.arms if (growth := _growth(summary, arm.label))]


def _growth(summary: Summary, strategy: str) -> Growth | None:
    by_users: dict[int, list[float]] = {}
    powers = []
    for block in range(1, summary.plan.blocks + 1):
        cells = [
            cell
            for cell in summary.cells
            if (cell.strategy, cell.block) == (strategy, block) and cell.valid and _kept_up(cell)
        ]
        points = [(cell.users, cpu_us) for cell in cells if (cpu_us := cpu_us_per_message(cell)) is not None]
        for users, cpu_us in points:
            by_users.setdefault(users, []).append(cpu_us)
        if len(points) >= MIN_POINTS:
            powers.append(_power(points))
    if len(powers) < MIN_BLOCKS:
        return None
    mean, error = float(np.mean(powers)), float(stats.sem(powers))
    margin = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(powers) - 1))
    counts = sorted(by_users)
    medians = [float(np.median(by_users[users])) for users in counts]
    return Growth(strategy, counts, medians, mean, mean - margin, mean + margin, len(powers))


def _kept_up(cell: Cell) -> bool:
    return not cell.saturated and cell.deliveries_per_s >= MIN_DELIVERED_RATIO * cell.offered_deliveries_per_s


def cpu_us_per_message(cell: Cell) -> float | None:
    """Return the server's CPU time over the window for each message that was attempted in it, microseconds.

    It is `None` where that is not known, or less than a tick of the clock that counts it.
    """
    if not (cell.server.cpu_percent and cell.offered_messages):
        return None
    return cell.server.cpu_percent / 100 * cell.window_s * 1e6 / cell.offered_messages


def _power(points: Sequence[tuple[int, float]]) -> float:
    users, cpu_us = np.log(np.array(points)).T
    return float(np.polyfit(users, cpu_us, 1)[0])
