"""The comparisons of strategies, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from bench.analysis.comparison import Comparison, Verdict, compare_arms
from bench.analysis.paired_tests import blocks_needed
from bench.model.summary import Summary
from bench.presentation.text import counted, listed_numbers, listing

CLAIMS = (Verdict.FASTER, Verdict.SLOWER)


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
    """Say in one line where each arm is faster or slower, or that there is no verdict yet."""
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
    claims = [one for one in ones if one.verdict in CLAIMS]
    for verdict in CLAIMS:
        claimed = [one for one in claims if one.verdict == verdict]
        if finite := [one for one in claimed if 0 < one.ratio < math.inf]:
            yield _times(finite, planned)
        if infinite := [one for one in claimed if one not in finite]:
            yield _infinitely(infinite, planned)
    equal = [one for one in ones if one.verdict == Verdict.NO_DIFFERENCE]
    if equal:
        yield _no_difference(equal, planned)
    unknown = [one for one in ones if one not in claims and one not in equal]
    for reason, group in groupby(unknown, key=lambda one: _reason(one, planned)):
        yield f"No verdict on {ones[0].arm} against {ones[0].baseline} at {_users(group)}: {reason}"


def _times(ones: Sequence[Comparison], planned: int) -> str:
    """Say by how much an arm is faster or slower: at the first user count in full, at the others in short."""
    first, *others = ones
    faster = first.verdict == Verdict.FASTER
    predicate, adverb = ("is", "fast") if faster else ("takes", "long")
    sizes = [_inverted(one) if faster else (one.ratio, one.low, one.high) for one in ones]
    (times, low, high), *other_sizes = sizes
    return listing(
        [
            f"{first.arm} {predicate} {rounded(times)} times as {adverb} as {first.baseline} at {first.users:,} users "
            f"({first.metric}, 95 % interval {span(low, high)}, {_blocks(ones, planned)})",
            *(
                f"{rounded(times)} times at {one.users:,} ({span(low, high)})"
                for one, (times, low, high) in zip(others, other_sizes, strict=True)
            ),
        ]
    )


def _infinitely(ones: Sequence[Comparison], planned: int) -> str:
    one = ones[0]
    loser = one.baseline if one.verdict == Verdict.FASTER else one.arm
    return (
        f"{one.arm} is {one.verdict} than {one.baseline} at {_users(ones)}: {loser} misses so many deliveries that "
        f"its {one.metric} is infinite ({_blocks(ones, planned)})"
    )


def _no_difference(ones: Sequence[Comparison], planned: int) -> str:
    one = ones[0]
    low, high = min(one.low for one in ones), max(one.high for one in ones)
    return (
        f"No difference found between {one.arm} and {one.baseline} at {_users(ones)} ({one.metric}, 95 % "
        f"{'interval' if len(ones) == 1 else 'intervals'} of the ratio {span(low, high)}, {_blocks(ones, planned)})"
    )


def _reason(one: Comparison, planned: int) -> str:
    """Say why there is no verdict although enough blocks were planned."""
    infinite = f"both miss so many deliveries that their {one.metric} is infinite"
    if one.blocks_infinite == planned:
        return infinite
    faults = {
        "invalid": one.blocks_invalid,
        "did not measure both": one.blocks_unmeasured,
        f"uninformative, as {infinite}": one.blocks_infinite,
    }
    found = listing([f"{number} of {planned} blocks {fault}" for fault, number in faults.items() if number])
    return f"{found}; {one.blocks_missing} more needed" if one.blocks_missing else found


def _inverted(one: Comparison) -> tuple[float, float, float]:
    return 1 / one.ratio, 1 / one.high, 1 / one.low if one.low else math.inf


def _users(ones: Iterable[Comparison]) -> str:
    return f"{listed_numbers(one.users for one in ones)} users"


def _blocks(ones: Sequence[Comparison], planned: int) -> str:
    """Say how many blocks count: `10 blocks`, or `8 to 10 of 10 blocks` where some do not."""
    fewest, most = min(one.blocks_used for one in ones), max(one.blocks_used for one in ones)
    if fewest == planned:
        return f"{planned} blocks"
    return f"{fewest if fewest == most else f'{fewest} to {most}'} of {planned} blocks"


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
