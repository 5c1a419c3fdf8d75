"""The tables of a campaign's report that no terminal shows: comparisons, and the growth of the server's cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.analysis.comparison import Comparison
from bench.analysis.cost_growth import Growth
from bench.analysis.verdict import Verdict
from bench.presentation.comparison_wording import CLAIMS, MARGIN, ratio_in_words, span
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
                *_ratio_and_interval(one),
                f"{one.adjusted_p:.3g}",
                f"{one.adjusted_p_beyond:.3g}",
                f"{one.blocks_used}",
                _verdict(one),
            ),
            TONES.get(one.verdict, Tone.PLAIN),
        )
        for one in comparisons
    )
    first = comparisons[0]
    caption = (
        f"{first.metric} as a multiple of {first.baseline}'s: below 1 is faster; both p are adjusted for all "
        "comparisons, and a verdict follows the second"
    )
    return Table(caption, columns, rows)


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


def _ratio_and_interval(one: Comparison) -> tuple[str, str]:
    """Write both; what is saturated has no factor, as its latency depends on the length of the window."""
    if not _has_factor(one):
        return "no factor", "none"
    ratio = ratio_in_words(one.ratio, one.ratio_low, one.ratio_high)
    return ratio, ratio if one.ratio in (0, math.inf) else span(one.low, one.high)


def _has_factor(one: Comparison) -> bool:
    return not (one.blocks_saturated and one.ratio in (0, math.inf))


def _verdict(one: Comparison) -> str:
    """Name the verdict, and why a factor is missing."""
    if one.verdict in CLAIMS:
        if _has_factor(one):
            return f"{one.verdict} (beyond {MARGIN})"
        return f"{one.verdict}: {f'{one.baseline} ' * (one.verdict == Verdict.FASTER)}saturated"
    return f"{one.verdict} (not shown beyond {MARGIN})" if one.verdict == Verdict.DIFFERS else one.verdict
