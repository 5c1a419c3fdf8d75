"""One measure of one strategy at one user count, over the blocks of a campaign."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.analysis.brackets import Bracket
from bench.gate.measures import Measure
from bench.model.summary import Summary


@dataclass(frozen=True)
class Readings:
    """What is known of a value in each valid block, by its number, and for each other block why it has none.

    A block that did not reach the user count, because the server was overloaded at a smaller one, has the worst value.
    """

    by_block: Mapping[int, Bracket]
    problems: tuple[str, ...]

    @property
    def values(self) -> tuple[Bracket, ...]:
        """The values in the order of the blocks."""
        return tuple(self.by_block.values())


def read_measure(summary: Summary, strategy: str, users: int, measure: Measure) -> Readings:
    """Collect the values of a measure in a campaign, block by block."""
    cells = {cell.block: cell for cell in summary.blocks_of(strategy, users)}
    gaps = {gap.block: gap for gap in summary.not_measured if (gap.strategy, gap.users) == (strategy, users)}
    failed = {failure.block for failure in summary.failures if failure.strategy == strategy}
    lost = {gap.block for gap in summary.lost if (gap.strategy, gap.users) == (strategy, users)}
    values: dict[int, Bracket] = {}
    problems = []
    for block in range(1, summary.plan.blocks + 1):
        if cell := cells.get(block):
            value = measure.read(cell)
            if not cell.valid:
                problems.append(f"block {block} is invalid: {'; '.join(cell.reasons)}")
            elif math.isnan(value.high):
                problems.append(f"block {block} has no such figure")
            else:
                values[block] = value
        elif block in failed or block in lost or block not in gaps:
            problems.append(f"block {block} was not measured: {gaps[block].reason if block in gaps else 'not planned'}")
        else:
            values[block] = Bracket(measure.worst, measure.worst)
    return Readings(values, tuple(problems))
