"""Which differences between strategies are real: paired by block, with intervals, over a declared family."""

from bench.comparison.arms import Comparison, Verdict, compare_arms
from bench.comparison.words import rounded, span, verdicts

__all__ = ["Comparison", "Verdict", "compare_arms", "rounded", "span", "verdicts"]
