"""The outcome of a self-test: expected against measured, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from bench.presentation.table import Column, Row, Table, Tone
from bench.validation.selftest.results import Result


def selftest_table(results: Sequence[Result]) -> Table:
    """Show a row for each figure, with the name of what was injected once a group."""
    columns = (
        Column("injected", wraps=False),
        Column("figure", wraps=False),
        Column("expected", is_number=True, wraps=False),
        Column("measured", is_number=True),
        Column("closed-loop reading", is_number=True, wraps=False),
        Column("verdict", wraps=False, shows_tone=True),
    )
    rows, before = [], ""
    for result in results:
        is_first = result.injected != before
        name = result.injected if is_first else ""
        verdict, tone = ("as expected", Tone.PLAIN) if result.passed else ("NOT as expected", Tone.BAD)
        cells = (name, result.figure, result.expected, result.measured, result.closed_loop, verdict)
        rows.append(Row(cells, tone, starts_section=is_first))
        before = result.injected
    return Table("", columns, tuple(rows))


def selftest_verdict(results: int, unexpected: int, untested: Sequence[str]) -> str:
    """Sum up in one sentence."""
    parts = [f"{results - unexpected} of {results} figures are as expected"]
    if unexpected:
        parts.append("times need a machine that does nothing else; counts are exact on any")
    if untested:
        parts.append(f"not tested: {', '.join(untested)}")
    return "; ".join(parts) + "."
