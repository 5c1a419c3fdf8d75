"""What the self-test reports: one result per figure, expected against measured."""

from __future__ import annotations

from dataclasses import dataclass

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
