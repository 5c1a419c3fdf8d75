"""From the cells of a summary to comparisons with verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from bench.analysis.brackets import comparable_p99
from bench.analysis.paired_tests import Floats, blocks_needed, estimate
from bench.analysis.verdict import Judgement, LogRatios, Verdict, judge_family
from bench.model.plan import Arm, Plan
from bench.model.summary import Cell, Summary

METRIC = "p99"  # of the delivery latency


Pair = tuple[Cell, Cell]


class Comparison(msgspec.Struct, frozen=True):
    """One arm against the baseline at one user count.

    `ratio` is the arm's latency by the baseline's, below 1 where the arm is faster, with the 95 % interval `low`
    to `high`. A latency is infinite where too many deliveries are missing, or the cell is saturated: then a ratio may
    be 0, `inf`, or `nan` where both are infinite. An interval without a bound ends at 0 or `inf`. Where a p99 is known
    as a bracket, so is the ratio: it lies from `ratio_low` to `ratio_high`, and the interval covers both.
    `p_value` and `adjusted_p` test whether the ratio is 1, `p_beyond` and `adjusted_p_beyond` whether it is within 5 %;
    the adjusted ones are corrected for the whole family.
    `block_ratios` has one ratio a block that counts. The other planned blocks are in `blocks_invalid`, where one of the
    two cells is not valid, or in `blocks_unmeasured`. `blocks_saturated` of those that count have a saturated cell.
    `blocks_missing` more that tell something are advised, so that a difference can be found whatever the rest of the
    family shows.
    """

    arm: str
    baseline: str
    users: int
    metric: str
    ratio: float
    low: float
    high: float
    p_value: float
    adjusted_p: float
    verdict: Verdict
    block_ratios: tuple[float, ...]
    blocks_invalid: int
    blocks_unmeasured: int
    blocks_missing: int
    ratio_low: float
    ratio_high: float
    p_beyond: float
    adjusted_p_beyond: float
    blocks_saturated: int

    @property
    def blocks_used(self) -> int:
        """The number of blocks that count."""
        return len(self.block_ratios)

    @property
    def blocks_infinite(self) -> int:
        """The number of blocks that count and tell nothing, as both latencies are infinite."""
        return sum(map(math.isnan, self.block_ratios))


def baseline_of(plan: Plan) -> Arm:
    """Return the arm that all others are compared with: the first of `direct`, or else the first."""
    return _baseline_among(plan.arms)


def baseline_for(plan: Plan, arm: Arm) -> Arm:
    """Return what an arm is compared with.

    Among revisions that is its strategy's first one, else `baseline_of`; both of those with as many rooms. A strategy
    that is compared in several numbers of rooms and with nothing else is so with its first number.
    """
    alike = [each for each in plan.arms if each.rooms == arm.rooms]
    revisions = [each for each in alike if each.revision is not None and each.strategy == arm.strategy]
    if arm.revision is not None and len(revisions) > 1:
        return revisions[0]
    return _baseline_among(alike if len(alike) > 1 else plan.arms)


def _baseline_among(arms: Sequence[Arm]) -> Arm:
    return next((arm for arm in arms if arm.strategy == "direct"), arms[0])


def compare_arms(summary: Summary) -> list[Comparison]:
    """Compare the p99 of every arm with the baseline's at every user count, as one family.

    A block counts where both of its cells are valid. One arm alone makes no comparison.
    """
    places = [
        _Place(arm.label, baseline.label, users, _pairs(summary, arm.label, baseline.label, users))
        for arm in summary.plan.arms
        if (baseline := baseline_for(summary.plan, arm)) is not arm
        for users in summary.plan.workload.users
    ]
    judged = judge_family([place.log_ratios for place in places])
    of_upper_bounds = judge_family([LogRatios(place.upper, place.upper) for place in places])
    needed = blocks_needed(len(places)) if places else 0
    return [
        _comparison(summary.plan, place, judgement, without_brackets.finding, needed)
        for place, judgement, without_brackets in zip(places, judged, of_upper_bounds, strict=True)
    ]


@dataclass(frozen=True)
class _Place:
    """Where an arm meets the baseline: their pairs of cells, one a block that measured both."""

    arm: str
    baseline: str
    users: int
    pairs: Sequence[Pair]

    @cached_property
    def valid(self) -> list[Pair]:
        """The pairs that count: valid on both sides."""
        return [pair for pair in self.pairs if all(cell.valid for cell in pair)]

    @cached_property
    def log_ratios(self) -> LogRatios:
        """One for each pair that counts."""
        of_arm, of_baseline = self._log_p99
        with np.errstate(invalid="ignore"):  # inf less inf
            return LogRatios(of_arm[:, 0] - of_baseline[:, 1], of_arm[:, 1] - of_baseline[:, 0])

    @cached_property
    def upper(self) -> Floats:
        """The log-ratios of the upper bounds, which are what is known of a latency without its bracket."""
        of_arm, of_baseline = self._log_p99
        with np.errstate(invalid="ignore"):
            difference: Floats = of_arm[:, 1] - of_baseline[:, 1]
        return difference

    @property
    def telling(self) -> int:
        """How many pairs tell something: not both latencies are infinite."""
        return int((~np.isnan(self.upper)).sum())

    @property
    def _log_p99(self) -> Floats:
        """By arm and baseline, pair, and low and high end of the bracket."""
        brackets = [[comparable_p99(cell) for cell in pair] for pair in self.valid]
        with np.errstate(divide="ignore"):  # a lower bound may be 0
            logarithms: Floats = np.log(np.reshape(brackets, (-1, 2, 2))).transpose(1, 0, 2)
        return logarithms


def _comparison(plan: Plan, place: _Place, judgement: Judgement, without_brackets: Verdict, needed: int) -> Comparison:
    found, lowest, highest = map(estimate, (place.upper, place.log_ratios.low, place.log_ratios.high))
    used, measured = len(place.valid), len(place.pairs)
    ratio, low, high, ratio_low, ratio_high = np.exp(
        [found.centre, lowest.low, highest.high, lowest.centre, highest.centre]
    ).tolist()
    verdict = judgement.finding
    if verdict is Verdict.NO_DIFFERENCE and without_brackets is not Verdict.NO_DIFFERENCE:
        verdict = Verdict.WIDE_BRACKETS
    elif verdict is Verdict.NO_DIFFERENCE and place.telling < needed:
        verdict = _why_none(plan, place, needed)
    return Comparison(
        arm=place.arm,
        baseline=place.baseline,
        users=place.users,
        metric=METRIC,
        ratio=ratio,
        low=low,
        high=high,
        p_value=judgement.p_value,
        adjusted_p=judgement.adjusted_p,
        verdict=verdict,
        block_ratios=tuple(np.exp(place.upper).tolist()),
        blocks_invalid=measured - used,
        blocks_unmeasured=plan.blocks - measured,
        blocks_missing=max(0, needed - place.telling),
        ratio_low=ratio_low,
        ratio_high=ratio_high,
        p_beyond=judgement.p_beyond,
        adjusted_p_beyond=judgement.adjusted_p_beyond,
        blocks_saturated=sum(any(cell.saturated for cell in pair) for pair in place.valid),
    )


def _why_none(plan: Plan, place: _Place, needed: int) -> Verdict:
    """Say what is short of the blocks that are advised."""
    if place.telling or not place.valid:
        if plan.blocks < needed:
            return Verdict.TOO_FEW_BLOCKS
        if len(place.pairs) < needed:
            return Verdict.NOT_MEASURED
        if len(place.valid) < needed:
            return Verdict.TOO_FEW_VALID_BLOCKS
    both_saturated = sum(all(cell.saturated for cell in pair) for pair in place.valid)
    is_mostly = 2 * both_saturated >= len(place.valid) - place.telling
    return Verdict.BOTH_SATURATED if is_mostly else Verdict.BOTH_INFINITE


def _pairs(summary: Summary, label: str, baseline: str, users: int) -> list[Pair]:
    """Pair the cells of two arms that were measured in the same block."""
    others = {cell.block: cell for cell in summary.blocks_of(baseline, users)}
    return [(cell, others[cell.block]) for cell in summary.blocks_of(label, users) if cell.block in others]
