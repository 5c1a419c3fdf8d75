"""Whether a cell is within the SLO: the one meaning of it, for `compare` and for `capacity`."""

from __future__ import annotations

from typing import NamedTuple

from bench.model.percentile import Percentile
from bench.model.summary import Cell, or_infinite
from loadtest.ledger.validity_limits import is_wide_bracket


class SloFinding(NamedTuple):
    """Whether a cell is within the SLO, `None` where that is unknown, and the reason where it is not known to be."""

    is_within: bool | None
    reason: str = ""


def judge_slo(cell: Cell, percentile: Percentile, slo_ms: float) -> SloFinding:
    """Judge a cell by the objective.

    Within the SLO a cell is valid, has every delivery once, in order and in its room only, is not saturated, and has a
    percentile up to `slo_ms`. Deliveries that came corrupted are among the missing ones.

    The percentile is known as a bracket: the cell is within the SLO if the upper bound is, beyond it if the lower bound
    is, and in between that is unknown, as in an invalid cell.
    """
    if not cell.valid:
        return SloFinding(None, "; ".join(cell.reasons))
    upper_ms = or_infinite(percentile.of(cell.latency_ms))
    lower_ms = upper_ms if cell.latency_lower_ms is None else or_infinite(percentile.of(cell.latency_lower_ms))
    faults = [
        f"{cell.missing:,} of {cell.expected:,} deliveries missing" if cell.missing else "",
        f"{percentile.label} {_bracket(lower_ms, upper_ms)} ms" if slo_ms < lower_ms and not cell.missing else "",
        f"{cell.duplicates:,} duplicates" if cell.duplicates else "",
        f"{cell.reordered:,} deliveries out of order" if cell.reordered else "",
        f"{cell.misrouted:,} deliveries in other rooms" if cell.misrouted else "",
        "saturated, as the backlog grew through the window" if cell.saturated else "",
    ]
    if any(faults):
        return SloFinding(False, ", ".join(filter(None, faults)))
    if upper_ms > slo_ms:
        return SloFinding(
            None,
            f"{percentile.label} is between {lower_ms:,.1f} and {upper_ms:,.1f} ms, as reads brought several messages "
            "with one receive time",
        )
    return SloFinding(True)


def is_within_slo(cell: Cell, percentile: Percentile, slo_ms: float) -> bool | None:
    """Tell whether a cell is within the SLO, or `None` where that is unknown."""
    return judge_slo(cell, percentile, slo_ms).is_within


def _bracket(lower_ms: float, upper_ms: float) -> str:
    """Write a latency as a bracket where its bounds are further apart than measurements are usually read."""
    return f"{lower_ms:,.1f} to {upper_ms:,.1f}" if is_wide_bracket(lower_ms, upper_ms) else f"{upper_ms:,.1f}"
