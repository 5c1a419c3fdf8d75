"""Whether a campaign is worse than an earlier one, which was not run beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.analysis.paired_tests import Estimate, Floats
from bench.analysis.unpaired_tests import FAMILY_ERROR_RATE, blocks_needed, p_larger, shift, smallest_p
from bench.gate.check import Check
from bench.gate.measures import MEASURES
from bench.gate.readings import read_measure
from bench.gate.regression import Place, Regression, check_family
from bench.model.summary import Summary


class BetweenCampaigns(Regression):
    """A comparison of two campaigns: their blocks are not paired."""

    def p_value(self, old: Floats, new: Floats) -> float:
        """Return the p of the exact rank test."""
        return p_larger(old, new) if len(old) and len(new) else 1.0

    def estimate(self, old: Floats, new: Floats) -> Estimate:
        """Estimate the shift between both groups."""
        return Estimate(*shift(old, new))

    def fails(self, adjusted_p: float, worse_by: Estimate) -> bool:
        """Tell whether it is significantly worse, and by an estimate beyond the allowance."""
        return adjusted_p <= FAMILY_ERROR_RATE and worse_by.centre > math.log1p(self.allowed)

    def shortage(self, family: int) -> str:
        """Say how many blocks there are, and how many are needed."""
        old, new = len(self.old.values), len(self.new.values)
        if family * smallest_p(old, new) <= FAMILY_ERROR_RATE:
            return ""
        return (
            f"{old} blocks then and {new} now are too few to find anything among {family} comparisons; "
            f"{blocks_needed(family)} each are needed"
        )


def check_against_campaign(
    summary: Summary, baseline: Summary, places: Iterable[Place], names: Iterable[str], allowed: float
) -> list[Check]:
    """Compare two campaigns; a comparison fails if it is significant in its family and worse by more than `allowed`."""
    return check_family(
        [
            BetweenCampaigns(
                name,
                strategy,
                users,
                read_measure(baseline, strategy, users, MEASURES[name]),
                read_measure(summary, strategy, users, MEASURES[name]),
                allowed,
            )
            for name in names
            for strategy, users in places
        ]
    )
