"""The outcome of a cross-check: the generator's figures beside those of the observers."""

from __future__ import annotations

from collections.abc import Sequence

from bench.presentation.table import Answer, Column, Row, Table, Tone, numbers
from bench.presentation.text import milliseconds
from bench.validation.cross_check.agreement import Figures, Opinion


def cross_check_answer(opinions: Sequence[Opinion]) -> Answer:
    """Return a row for each generator and rate, with problems and notes as remarks."""
    columns = (
        Column("generator"),
        *numbers("messages/s", "deliveries/s", "missing", "p50 ms", "observers'", "p99 ms", "observers'", "off by"),
        Column("", shows_tone=True),
    )
    remarks = tuple(
        f"{opinion.claim.generator}, {opinion.room_rate:g} messages/s: {kind}: {text}"
        for opinion in opinions
        for kind, texts in (("invalid", opinion.problems), ("note", opinion.remarks))
        for text in texts
    )
    return Answer((), Table("", columns, tuple(map(_row, opinions))), remarks)


def _row(opinion: Opinion) -> Row:
    claimed, seen = opinion.claim.figures, opinion.witnessed
    return Row(
        (
            opinion.claim.generator,
            f"{opinion.room_rate:g}",
            f"{opinion.deliveries_per_s:,.0f}",
            f"{_missing(claimed)}, {_missing(seen)}",
            milliseconds(claimed.p50_ms),
            milliseconds(seen.p50_ms),
            milliseconds(claimed.p99_ms),
            milliseconds(seen.p99_ms),
            milliseconds(opinion.claim.uncertainty_ms),
            "agree" if opinion.agrees else "differ",
        ),
        Tone.GOOD if opinion.agrees else Tone.BAD,
    )


def _missing(figures: Figures) -> str:
    return f"{figures.expected - figures.delivered:,}"
