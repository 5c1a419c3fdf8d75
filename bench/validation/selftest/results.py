"""What the self-test reports: one result per figure, expected against measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from loadtest.ledger.result import Step


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of an injection; `closed_loop` is the reading of closed-loop users, where there is one to compare."""

    injected: str
    figure: str
    expected: str
    measured: str
    passed: bool
    closed_loop: str = ""


def exact_count(injected: str, figure: str, expected: int, measured: int) -> Result:
    """Expect a count, without any tolerance."""
    return Result(injected, figure, f"{expected:,}", f"{measured:,}", measured == expected)


def validity(injected: str, *steps: Step) -> Result:
    """Expect that the swarm itself calls its figures valid."""
    reasons = [reason for step in steps for reason in step.reasons]
    return Result(injected, "valid", "yes", "; ".join(reasons) or "yes", not reasons)


def table(results: Sequence[Result]) -> Table:
    """Show results, with the name of what was injected once per group."""
    shown = Table()
    for heading in ("injected", "figure"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("expected", justify="right", no_wrap=True)
    shown.add_column("measured", justify="right")
    shown.add_column("closed-loop reading", justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    before = None
    for result in results:
        if before not in {None, result.injected}:
            shown.add_section()
        verdict = "as expected" if result.passed else "[bold red]NOT as expected[/]"
        name = result.injected if result.injected != before else ""
        shown.add_row(name, result.figure, result.expected, result.measured, result.closed_loop, verdict)
        before = result.injected
    return shown
