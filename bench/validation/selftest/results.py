"""What a self-test says: one row a figure, expected against measured."""

from __future__ import annotations

from dataclasses import dataclass

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
