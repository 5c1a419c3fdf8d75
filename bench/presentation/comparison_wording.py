"""The comparisons of strategies, in words."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from bench.analysis.comparison import Comparison, compare_arms
from bench.analysis.paired_tests import blocks_needed
from bench.analysis.verdict import RELEVANT, Verdict
from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.text import counted, listed_numbers, listing, milliseconds
from loadtest.ledger.validity_limits import is_wide_bracket

CLAIMS = (Verdict.FASTER, Verdict.SLOWER)
FOUND = (*CLAIMS, Verdict.DIFFERS)
NO_INTERVAL = "none"
MARGIN = f"{RELEVANT - 1:.0%}".replace("%", " %")


def verdicts(summary: Summary) -> list[str]:
    """Say in sentences, without full stops, what the comparisons show; nothing of one arm alone."""
    comparisons = compare_arms(summary)
    if shortage := too_few_blocks(summary.plan.blocks, len(comparisons)):
        return [shortage]
    return [
        sentence
        for _, of_arm in groupby(comparisons, key=lambda one: one.arm)
        for sentence in _about(list(of_arm), summary.plan.blocks)
    ]


def too_few_blocks(blocks: int, comparisons: int) -> str:
    """Say how many more blocks a verdict needs; empty where there are enough, or nothing to compare."""
    missing = blocks_needed(comparisons) - blocks if comparisons else 0
    return f"Exploratory: a verdict needs {counted(missing, 'more block')}" if missing > 0 else ""


def headline(comparisons: Sequence[Comparison], blocks: int) -> str:
    """Say in one line where each arm is faster or slower by more than 5 %, or that there is no verdict yet."""
    shortage = too_few_blocks(blocks, len(comparisons))
    found = shortage[:1].lower() + shortage[1:]
    if not shortage:
        by_arm = groupby(comparisons, key=lambda one: one.arm)
        found = "; ".join(_in_short(arm, list(of_arm)) for arm, of_arm in by_arm)
    return f"Against {listing(baselines(comparisons))}, by {comparisons[0].metric}: {found}"


def baselines(comparisons: Sequence[Comparison]) -> list[str]:
    """Name what is compared with: one arm, but for several strategies at several revisions one a strategy."""
    return list(dict.fromkeys(one.baseline for one in comparisons))


def of_baseline(comparisons: Sequence[Comparison]) -> str:
    """Return the possessive of what is compared with: `direct's`."""
    names = baselines(comparisons)
    return f"{names[0]}'s" if len(names) == 1 else f"its baseline's ({', '.join(names)})"


def _in_short(arm: str, ones: Sequence[Comparison]) -> str:
    """Say where one arm is faster or slower."""
    claimed = {verdict: [one for one in ones if one.verdict == verdict] for verdict in CLAIMS}
    claims = [f"{verdict} {_where(found, ones)}" for verdict, found in claimed.items() if found]
    if claims:
        return f"{arm} is {' and '.join(claims)}"
    if any(one.verdict == Verdict.DIFFERS for one in ones):
        return f"{arm} is not shown to differ by more than {MARGIN}"
    if any(one.verdict == Verdict.NO_DIFFERENCE for one in ones):
        return f"no difference found for {arm}"
    return f"no verdict on {arm}"


def _where(found: Sequence[Comparison], ones: Sequence[Comparison]) -> str:
    if len(found) == len(ones) > 1:
        return "at every user count"
    if len(found) > 1 and found == ones[-len(found) :]:
        return f"from {found[0].users:,} users on"
    return f"at {_users(found)}"


def _about(ones: Sequence[Comparison], planned: int) -> Iterator[str]:
    """Say what is known of one arm: claims first, then the user counts without one."""
    for verdict in CLAIMS:
        claimed = [one for one in ones if one.verdict == verdict]
        if finite := [one for one in claimed if 0 < one.ratio < math.inf]:
            yield _times(finite, planned)
        for is_saturated in (False, True):
            infinite = [one for one in claimed if one not in finite and bool(one.blocks_saturated) is is_saturated]
            if infinite:
                yield _without_factor(infinite, planned)
    if differing := [one for one in ones if one.verdict == Verdict.DIFFERS]:
        yield _differs(differing, planned)
    if equal := [one for one in ones if one.verdict == Verdict.NO_DIFFERENCE]:
        yield _no_difference(equal, planned)
    unknown = [one for one in ones if one.verdict not in (*FOUND, Verdict.NO_DIFFERENCE)]
    for reason, group in groupby(unknown, key=lambda one: _reason(one, planned)):
        yield f"No verdict on {ones[0].arm} against {ones[0].baseline} at {_users(group)}: {reason}"


def _times(ones: Sequence[Comparison], planned: int) -> str:
    """Say by how much an arm is faster or slower: at the first user count in full, at the others in short."""
    first, *others = ones
    faster = first.verdict == Verdict.FASTER
    predicate, adverb = ("is", "fast") if faster else ("takes", "long")
    return listing(
        [
            f"{first.arm} {predicate} {_factor(first)} times as {adverb} as {first.baseline} at {first.users:,} users "
            f"({first.metric}, 95 % interval {_inverted_span(first)}, {_blocks(ones, planned)})",
            *(f"{_factor(one)} times at {one.users:,} ({_inverted_span(one)})" for one in others),
        ]
    )


def _factor(one: Comparison) -> str:
    """Write how many times as fast a faster arm is, or how many times as long any other takes."""
    if one.verdict != Verdict.FASTER:
        return ratio_in_words(one.ratio, one.ratio_low, one.ratio_high)
    return ratio_in_words(1 / one.ratio, _inverse(one.ratio_high), _inverse(one.ratio_low))


def _inverted_span(one: Comparison) -> str:
    if one.verdict != Verdict.FASTER:
        return span(one.low, one.high)
    return span(_inverse(one.high), _inverse(one.low))


def _inverse(ratio: float) -> float:
    return 1 / ratio if ratio else math.inf


def _without_factor(ones: Sequence[Comparison], planned: int) -> str:
    """Say that an arm is faster or slower where the loser's latency is infinite: no factor tells by how much."""
    one = ones[0]
    loser = one.baseline if one.verdict == Verdict.FASTER else one.arm
    cause = f"{loser} misses so many deliveries that its {one.metric} is infinite"
    if one.blocks_saturated:
        cause = f"{loser} is saturated, so that its {one.metric} grows with the window and there is no factor"
    return f"{one.arm} is {one.verdict} than {one.baseline} at {_users(ones)}: {cause} ({_blocks(ones, planned)})"


def _differs(ones: Sequence[Comparison], planned: int) -> str:
    first, *others = ones
    listed = [
        f"{first.arm} differs from {first.baseline} at {first.users:,} users "
        f"({_factor(first)} times its {first.metric}, 95 % interval {span(first.low, first.high)}, "
        f"{_blocks(ones, planned)})",
        *(f"at {one.users:,} ({_factor(one)} times, {span(one.low, one.high)})" for one in others),
    ]
    return f"{listing(listed)}, but not shown to be by more than {MARGIN}"


def _no_difference(ones: Sequence[Comparison], planned: int) -> str:
    one = ones[0]
    low, high = min(one.low for one in ones), max(one.high for one in ones)
    return (
        f"No difference found between {one.arm} and {one.baseline} at {_users(ones)} ({one.metric}, 95 % "
        f"{'interval' if len(ones) == 1 else 'intervals'} of the ratio {span(low, high)}, {_blocks(ones, planned)})"
    )


def _reason(one: Comparison, planned: int) -> str:
    """Say why there is no verdict."""
    if one.verdict == Verdict.WIDE_BRACKETS:
        return (
            f"what is known of their {one.metric} is a bracket, and its ends disagree "
            f"(ratio {ratio_in_words(one.ratio, one.ratio_low, one.ratio_high)})"
        )
    infinite = f"both miss so many deliveries that their {one.metric} is infinite"
    if one.blocks_saturated:
        infinite = "both are saturated"
    if one.blocks_infinite == planned:
        return infinite
    faults = {
        "invalid": one.blocks_invalid,
        "did not measure both": one.blocks_unmeasured,
        f"uninformative, as {infinite}": one.blocks_infinite,
    }
    found = [f"{number} of {planned} blocks {fault}" for fault, number in faults.items() if number]
    advice = [f"plan {one.blocks_missing} more"] if one.blocks_missing else []
    return "; ".join([listing(found) if found else str(one.verdict), *advice])


def _users(ones: Iterable[Comparison]) -> str:
    return f"{listed_numbers(one.users for one in ones)} users"


def _blocks(ones: Iterable[Comparison], planned: int) -> str:
    """Say how many blocks count, out of those planned."""
    used = [one.blocks_used for one in ones]
    fewest, most = min(used), max(used)
    if fewest == planned:
        return counted(planned, "block")
    return f"{fewest if fewest == most else f'{fewest} to {most}'} of {planned} blocks"


def ratio_and_interval(one: Comparison) -> tuple[str, str]:
    """Write both; what is saturated has no factor, as its latency depends on the length of the window."""
    if not _has_factor(one):
        return "no factor", NO_INTERVAL
    ratio = ratio_in_words(one.ratio, one.ratio_low, one.ratio_high)
    return ratio, ratio if one.ratio in (0, math.inf) else span(one.low, one.high)


def _has_factor(one: Comparison) -> bool:
    return not (one.blocks_saturated and (one.ratio in (0, math.inf) or math.isnan(one.ratio)))


def verdict_in_words(one: Comparison) -> str:
    """Name the verdict, and why a factor is missing."""
    if one.verdict in CLAIMS:
        if _has_factor(one):
            return f"{one.verdict} (beyond {MARGIN})"
        return f"{one.verdict}: {f'{one.baseline} ' * (one.verdict == Verdict.FASTER)}saturated"
    return f"{one.verdict} (not shown beyond {MARGIN})" if one.verdict == Verdict.DIFFERS else one.verdict


def p99_in_words(cells: Sequence[Cell]) -> str:
    """Write the median p99 over cells in milliseconds, or the bracket that it lies in where that is wide."""
    high = statistics.median(or_infinite(cell.latency_ms.p99) for cell in cells)
    low = statistics.median(or_infinite((cell.latency_lower_ms or cell.latency_ms).p99) for cell in cells)
    return f"{milliseconds(low)} to {milliseconds(high)}" if is_wide_bracket(low, high) else finite_or_never(high)


def saturation(cells: Sequence[Cell]) -> str:
    """Return what stands behind a latency that depends on the length of the window: how many cells are saturated."""
    saturated = sum(cell.saturated for cell in cells)
    if not saturated:
        return ""
    return " (saturated)" if saturated == len(cells) else f" ({saturated} of {len(cells)} saturated)"


def finite_or_never(value_ms: float) -> str:
    """Write milliseconds; what is infinite is `never`."""
    return milliseconds(value_ms if value_ms < math.inf else None)


def ratio_in_words(ratio: float, low: float, high: float) -> str:
    """Write a ratio, or the bracket that it lies in where that is wider than 10 %."""
    if math.isnan(ratio):
        return "unknown"
    if is_wide_bracket(low, high):
        return f"{rounded(low)} to {rounded(high)}"
    return "infinite" if math.isinf(ratio) else rounded(ratio) if ratio else "0"


def span(low: float, high: float) -> str:
    """Write an interval, which has no bound where an end is 0 or infinite."""
    if low > 0 and high < math.inf:
        return f"{rounded(low)} to {rounded(high)}"
    if low > 0:
        return f"above {rounded(low)}"
    return f"below {rounded(high)}" if high < math.inf else "without bounds"


def rounded(ratio: float) -> str:
    """Write a ratio to its significant digits."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"
