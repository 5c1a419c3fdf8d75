"""The outcome of a cross-check: the generator's figures beside those of the observers."""

from __future__ import annotations

from collections.abc import Sequence

from bench.presentation.table import Answer, Column, Row, Table, Tone, numbers
from bench.presentation.text import milliseconds
from bench.validation.cross_check.agreement import CrossCheck, Figures
from loadtest.ledger.validity_limits import is_wide_bracket


def cross_check_answer(checks: Sequence[CrossCheck]) -> Answer:
    """Return a row for each generator and rate, with problems and notes as remarks."""
    columns = (
        Column("generator"),
        *numbers("messages/s", "deliveries/s", "missing", "p50 ms", "observers'", "p99 ms", "observers'", "off by"),
        Column("", shows_tone=True),
    )
    remarks = tuple(
        f"{check.reported.generator}, {check.room_rate:g} messages/s: {kind}: {text}"
        for check in checks
        for kind, texts in (("invalid", check.problems), ("note", check.remarks))
        for text in texts
    )
    return Answer((), Table("", columns, tuple(map(_row, checks))), remarks)


def _row(check: CrossCheck) -> Row:
    reported, observed = check.reported.figures, check.observed
    return Row(
        (
            check.reported.generator,
            f"{check.room_rate:g}",
            f"{check.deliveries_per_s:,.0f}",
            f"{_missing(reported)}, {_missing(observed)}",
            bracket_in_words(reported.p50_low_ms, reported.p50_ms),
            milliseconds(observed.p50_ms),
            bracket_in_words(reported.p99_low_ms, reported.p99_ms),
            milliseconds(observed.p99_ms),
            milliseconds(check.reported.uncertainty_ms),
            "agree" if check.agrees else "differ",
        ),
        Tone.GOOD if check.agrees else Tone.BAD,
    )


def bracket_in_words(low_ms: float | None, high_ms: float | None) -> str:
    """Write a percentile, or the bracket that it lies in where that is wide."""
    if low_ms is None or high_ms is None or not is_wide_bracket(low_ms, high_ms):
        return milliseconds(high_ms)
    return f"{milliseconds(low_ms)} to {milliseconds(high_ms)}"


def _missing(figures: Figures) -> str:
    return f"{figures.expected - figures.delivered:,}"
