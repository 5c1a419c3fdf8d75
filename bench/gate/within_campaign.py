"""Whether a variant is worse than another one of the same campaign, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bench.analysis.brackets import Bracket
from bench.analysis.paired_tests import Estimate, Floats, estimate, p_above
from bench.analysis.unpaired_tests import FAMILY_ERROR_RATE
from bench.errors import VariantError
from bench.gate.check import Check
from bench.gate.measures import MEASURES
from bench.gate.readings import read_measure
from bench.gate.regression import Regression, check_family
from bench.model.plan import Arm, Plan
from bench.model.revision import revision_name
from bench.model.summary import Summary


class WithinCampaign(Regression):
    """A comparison of two variants of one campaign: a pair of values in each block, of the same schedule."""

    before = "then"

    def compared(self) -> tuple[Sequence[Bracket], Sequence[Bracket]]:
        """Return the values of the blocks that have both, in pairs."""
        blocks = [block for block in self.new.by_block if block in self.old.by_block]
        return [self.old.by_block[block] for block in blocks], [self.new.by_block[block] for block in blocks]

    def p_value(self, old: Floats, new: Floats) -> float:
        """Return the p of the sign-flip test that it is not worse than allowed."""
        return p_above(_log_ratios(old, new), math.log1p(self.allowed))

    def estimate(self, old: Floats, new: Floats) -> Estimate:
        """Estimate the ratio of a block."""
        return estimate(_log_ratios(old, new), 2 * FAMILY_ERROR_RATE)

    def fails(self, adjusted_p: float, worse_by: Estimate) -> bool:  # noqa: ARG002
        """Tell whether it is significantly worse than allowed; the test itself is against the allowance."""
        return adjusted_p <= FAMILY_ERROR_RATE

    def shortage(self, family: int) -> str:
        """Say how many pairs tell something, and how many are needed."""
        log_ratios = _log_ratios(*self.as_known())
        pairs = int((~np.isnan(log_ratios)).sum())
        if family * 2.0**-pairs <= FAMILY_ERROR_RATE:
            return ""
        infinite = len(log_ratios) - pairs
        return (
            f"{pairs} blocks with both values are too few to find anything among {family} comparisons; "
            f"{blocks_needed(family)} are needed" + f"; in {infinite} more both are infinite" * bool(infinite)
        )


def _log_ratios(old: Floats, new: Floats) -> Floats:
    """Return one for each block that has both values; `nan` where both are infinite or 0."""
    with np.errstate(invalid="ignore"):  # inf less inf
        difference: Floats = new - old
    return difference


def blocks_needed(family: int) -> int:
    """Return how many blocks a family of comparisons needs before any of them can be found worse.

    The smallest p of `n` blocks is `1 / 2**n`, which times the size of the family has to be at most 0.05.
    """
    return math.ceil(math.log2(family / FAMILY_ERROR_RATE))


def variants(plan: Plan, name: str) -> list[Arm]:
    """Return the variant of that label, or else all those of that revision.

    Raises:
        VariantError: there is none.

    """
    if exact := [arm for arm in plan.arms if arm.label == name]:
        return exact
    given, mark, number = name.partition("#")
    ending = f"@{revision_name(given)}{mark}{number}"
    if found := [arm for arm in plan.arms if arm.revision is not None and arm.label == f"{arm.strategy}{ending}"]:
        return found
    labels = ", ".join(arm.label for arm in plan.arms)
    raise VariantError(f"the campaign has no variant {name!r}; give one of {labels}, or a revision that several have")


def pairs_of(plan: Plan, variant: str, against: str) -> list[tuple[Arm, Arm]]:
    """Pair the variants that are judged with those that they are compared with: new and old.

    Two single ones are a pair; those of revisions are paired by their strategy.

    Raises:
        VariantError: one of them is not there, both are the same, or a strategy has no partner.

    """
    new, old = variants(plan, variant), variants(plan, against)
    if {arm.label for arm in new} & {arm.label for arm in old}:
        raise VariantError(f"{variant!r} cannot be compared with itself; name two variants of {_labels(plan.arms)}")
    if len(new) == len(old) == 1:
        return [(new[0], old[0])]
    by_strategy = {arm.strategy: arm for arm in old}
    if lone := [arm for arm in new if arm.strategy not in by_strategy]:
        raise VariantError(
            f"{against!r} has nothing to compare {_labels(lone)} with; it is {_labels(old)}. "
            "Name two labels, or two revisions of the same strategies"
        )
    return [(arm, by_strategy[arm.strategy]) for arm in new]


def check_against_variant(
    summary: Summary, pairs: Sequence[tuple[Arm, Arm]], counts: Sequence[int], names: Iterable[str], allowed: float
) -> list[Check]:
    """Compare variants in pairs; a comparison fails if it is worse than `allowed` at 5 % for the whole family."""
    return check_family(
        [
            WithinCampaign(
                name,
                new.label,
                users,
                read_measure(summary, old.label, users, MEASURES[name]),
                read_measure(summary, new.label, users, MEASURES[name]),
                allowed,
            )
            for name in names
            for new, old in pairs
            for users in counts
        ]
    )


def _labels(arms: Iterable[Arm]) -> str:
    return ", ".join(arm.label for arm in arms)
