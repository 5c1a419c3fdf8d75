"""The table of comparisons in a campaign's report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.analysis.comparison import Comparison, Verdict
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


def _interval(one: Comparison) -> str:
    if math.isinf(one.low):
        return "infinite"
    return span(one.low, one.high) if one.high else "0"


def _ratio(value: float) -> str:
    if math.isnan(value):
        return "unknown"
    return "infinite" if math.isinf(value) else rounded(value) if value else "0"
