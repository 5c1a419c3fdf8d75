"""The tables of a campaign's report that no terminal shows: comparisons, and the growth of the server's cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.analysis.comparison import Comparison, Verdict
from bench.analysis.cost_growth import Growth
from bench.presentation.comparison_wording import of_baseline, rounded, span
from bench.presentation.table import Column, Row, Table, Tone, numbers

TONES = {
    Verdict.FASTER: Tone.GOOD,
    Verdict.SLOWER: Tone.BAD,
    Verdict.TOO_FEW_VALID_BLOCKS: Tone.DOUBTFUL,
    Verdict.NOT_MEASURED: Tone.DOUBTFUL,
    Verdict.BOTH_INFINITE: Tone.DOUBTFUL,
}


def comparisons_table(comparisons: Sequence[Comparison]) -> Table:
    """Show the ratio of each arm to the baseline at each user count, with its verdict."""
    columns = (
        Column("strategy"),
        *numbers("users", "ratio", "95 % interval", "adjusted p", "blocks"),
        Column("verdict", shows_tone=True),
    )
    rows = tuple(
        Row(
            (
                one.arm,
                f"{one.users:,}",
                _ratio(one.ratio),
                _interval(one),
                f"{one.adjusted_p:.3g}",
                f"{one.blocks_used}",
                one.verdict,
            ),
            TONES.get(one.verdict, Tone.PLAIN),
        )
        for one in comparisons
    )
    first = comparisons[0]
    return Table(f"{first.metric} as a multiple of {of_baseline(comparisons)}: below 1 is faster", columns, rows)


def growth_table(of_arms: Sequence[Growth]) -> Table:
    """Show the CPU time of a message at each user count, and the fitted power."""
    counts = sorted({users for growth in of_arms for users in growth.users})
    columns = (
        Column("strategy"),
        *numbers("power", "95 % interval", "blocks", *(f"{users:,} users" for users in counts)),
    )
    caption = (
        "CPU time of the server for one message in us, and the power of the number of users with which it grows "
        "(0 is O(1), 1 is O(n)); without invalid cells and those in which the server did not keep up"
    )
    return Table(caption, columns, tuple(_growth(growth, counts) for growth in of_arms))


def _growth(growth: Growth, counts: Sequence[int]) -> Row:
    costs = dict(zip(growth.users, growth.cpu_us, strict=True))
    cpu_us = (f"{costs[users]:,.0f}" if users in costs else "-" for users in counts)
    fitted = (growth.power, growth.low, growth.high)
    power, low, high = (f"{round(each, 2) + 0.0:.2f}" for each in fitted)  # no -0.00
    return Row((growth.strategy, power, f"{low} to {high}", f"{growth.blocks}", *cpu_us))


def _interval(one: Comparison) -> str:
    if math.isinf(one.low):
        return "infinite"
    return span(one.low, one.high) if one.high else "0"


def _ratio(value: float) -> str:
    if math.isnan(value):
        return "unknown"
    return "infinite" if math.isinf(value) else rounded(value) if value else "0"
