"""From the cells of a summary to comparisons with verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import msgspec
import numpy as np

from bench.analysis.paired_tests import SIGNIFICANCE, Estimate, Floats, blocks_needed, estimate, holm, p_value
from bench.model.plan import Arm, Plan
from bench.model.summary import Cell, Summary, or_infinite

METRIC = "p99"  # of the delivery latency
RELEVANT = 1.05  # ratios nearer to 1 are never a claim, either way: 1 / 1.05 to 1.05


class Verdict(StrEnum):
    """What may be said of one arm against the baseline at one user count."""

    FASTER = "faster"
    SLOWER = "slower"
    NO_DIFFERENCE = "no difference found"
    TOO_FEW_BLOCKS = "too few blocks"
    TOO_FEW_VALID_BLOCKS = "too few valid blocks"
    NOT_MEASURED = "not measured"
    BOTH_INFINITE = "both infinite"


Pair = tuple[Cell, Cell]


class Comparison(msgspec.Struct, frozen=True):
    """One arm against the baseline at one user count.

    `ratio` is the arm's latency by the baseline's, below 1 where the arm is faster, with the 95 % interval `low`
    to `high`. A latency is infinite where too many deliveries are missing: then a ratio may be 0, `inf`, or `nan`
    where both are infinite. An interval without a bound ends at 0 or `inf`.
    `adjusted_p` is corrected for the whole family, `p_value` is not.
    `block_ratios` has one ratio a block that counts. The other planned blocks are in `blocks_invalid`, where one of the
    two cells is not valid, or in `blocks_unmeasured`. `blocks_missing` more that tell something would make a verdict.
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
    return next((arm for arm in plan.arms if arm.strategy == "direct"), plan.arms[0])


def baseline_for(plan: Plan, arm: Arm) -> Arm:
    """Return what an arm is compared with: among revisions its strategy's first one, else `baseline_of`."""
    revisions = [each for each in plan.arms if each.revision is not None and each.strategy == arm.strategy]
    return revisions[0] if arm.revision is not None and len(revisions) > 1 else baseline_of(plan)


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
    adjusted = holm([p_value(place.log_ratios) for place in places])
    return [
        _comparison(summary.plan, place, adjusted_p, blocks_needed(len(places)))
        for place, adjusted_p in zip(places, adjusted, strict=True)
    ]


def claim(found: Estimate, adjusted_p: float) -> Verdict:
    """Say faster or slower only of what is significant in its family and beyond 5 %."""
    if adjusted_p < SIGNIFICANCE and found.centre < -math.log(RELEVANT):
        return Verdict.FASTER
    if adjusted_p < SIGNIFICANCE and found.centre > math.log(RELEVANT):
        return Verdict.SLOWER
    return Verdict.NO_DIFFERENCE


@dataclass(frozen=True)
class _Place:
    """Where an arm meets the baseline: their pairs of cells, one a block that measured both."""

    arm: str
    baseline: str
    users: int
    pairs: Sequence[Pair]

    @cached_property
    def log_ratios(self) -> Floats:
        """One a pair that is valid on both sides; `nan` where both latencies are infinite."""
        valid = [pair for pair in self.pairs if all(cell.valid for cell in pair)]
        latencies = [or_infinite(cell.latency_ms.p99) for pair in valid for cell in pair]
        of_arm, of_baseline = np.log(np.reshape(latencies, (-1, 2))).T
        with np.errstate(invalid="ignore"):  # inf less inf
            difference: Floats = of_arm - of_baseline
        return difference


def _comparison(plan: Plan, place: _Place, adjusted_p: float, needed: int) -> Comparison:
    found = estimate(place.log_ratios)
    used, measured = len(place.log_ratios), len(place.pairs)
    telling = used - int(np.isnan(place.log_ratios).sum())
    ratio, low, high = np.exp(found).tolist()
    return Comparison(
        arm=place.arm,
        baseline=place.baseline,
        users=place.users,
        metric=METRIC,
        ratio=ratio,
        low=low,
        high=high,
        p_value=p_value(place.log_ratios),
        adjusted_p=adjusted_p,
        verdict=claim(found, adjusted_p) if telling >= needed else _why_none(plan.blocks, measured, used, needed),
        block_ratios=tuple(np.exp(place.log_ratios).tolist()),
        blocks_invalid=measured - used,
        blocks_unmeasured=plan.blocks - measured,
        blocks_missing=max(0, needed - telling),
    )


def _why_none(planned: int, measured: int, used: int, needed: int) -> Verdict:
    if planned < needed:
        return Verdict.TOO_FEW_BLOCKS
    if measured < needed:
        return Verdict.NOT_MEASURED
    return Verdict.TOO_FEW_VALID_BLOCKS if used < needed else Verdict.BOTH_INFINITE


def _pairs(summary: Summary, label: str, baseline: str, users: int) -> list[Pair]:
    """Pair the cells of two arms that were measured in the same block."""
    others = {cell.block: cell for cell in summary.blocks_of(baseline, users)}
    return [(cell, others[cell.block]) for cell in summary.blocks_of(label, users) if cell.block in others]
