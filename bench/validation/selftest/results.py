"""What a self-test says: one row a figure, expected against measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from loadtest.ledger.result import Step


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `usual` is what the usual way to measure says of it, where there is one to compare with."""

    injected: str
    figure: str
    expected: str
    measured: str
    holds: bool
    usual: str = ""


def exactly(injected: str, figure: str, expected: int, measured: int) -> Row:
    """Expect a count, without any tolerance."""
    return Row(injected, figure, f"{expected:,}", f"{measured:,}", measured == expected)


def believable(injected: str, *steps: Step) -> Row:
    """Expect that the swarm itself has nothing against its figures."""
    reasons = [reason for step in steps for reason in step.reasons]
    return Row(injected, "believable", "yes", "; ".join(reasons) or "yes", not reasons)


def table(rows: Sequence[Row]) -> Table:
    """Show rows, with the name of what was injected once a group."""
    shown = Table()
    for heading in ("injected", "figure"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("expected", justify="right", no_wrap=True)
    shown.add_column("measured", justify="right")
    shown.add_column("usual reading", justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    before = None
    for row in rows:
        if before not in {None, row.injected}:
            shown.add_section()
        verdict = "as expected" if row.holds else "[bold red]NOT as expected[/]"
        name = row.injected if row.injected != before else ""
        shown.add_row(name, row.figure, row.expected, row.measured, row.usual, verdict)
        before = row.injected
    return shown
