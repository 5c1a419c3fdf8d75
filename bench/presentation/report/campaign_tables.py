"""The table of comparisons in a campaign's report."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.comparison import Comparison
from bench.analysis.verdict import Verdict
from bench.presentation.comparison_wording import MARGIN, of_baseline, ratio_and_interval, verdict_in_words
from bench.presentation.table import Column, Row, Table, Tone, numbers

TONES = {
    Verdict.FASTER: Tone.GOOD,
    Verdict.SLOWER: Tone.BAD,
    Verdict.TOO_FEW_VALID_BLOCKS: Tone.DOUBTFUL,
    Verdict.NOT_MEASURED: Tone.DOUBTFUL,
    Verdict.BOTH_INFINITE: Tone.DOUBTFUL,
    Verdict.BOTH_SATURATED: Tone.DOUBTFUL,
    Verdict.WIDE_BRACKETS: Tone.DOUBTFUL,
}


def comparisons_table(comparisons: Sequence[Comparison]) -> Table:
    """Show the ratio of each arm to the baseline at each user count, with its verdict."""
    columns = (
        Column("strategy"),
        *numbers("users", "ratio", "95 % interval", "p (differs)", f"p (beyond {MARGIN})", "blocks"),
        Column("verdict", shows_tone=True),
    )
    rows = tuple(
        Row(
            (
                one.arm,
                f"{one.users:,}",
                *ratio_and_interval(one),
                f"{one.adjusted_p:.3g}",
                f"{one.adjusted_p_beyond:.3g}",
                f"{one.blocks_used}",
                verdict_in_words(one),
            ),
            TONES.get(one.verdict, Tone.PLAIN),
        )
        for one in comparisons
    )
    first = comparisons[0]
    caption = (
        f"{first.metric} as a multiple of {of_baseline(comparisons)}: below 1 is faster; both p are adjusted for all "
        "comparisons, and a verdict follows the second"
    )
    return Table(caption, columns, rows)
