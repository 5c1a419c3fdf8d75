"""A finding of the doctor: a fact about the machine, its effect on the figures, and the remedy."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """How serious a finding is, the most serious first."""

    PROBLEM = "problem"
    """Figures taken now are invalid."""
    WARNING = "warning"
    """Figures are noisier, or worse, than they need to be."""
    UNKNOWN = "unknown"
    """It cannot be seen here."""
    OK = "ok"
    """Nothing to mend."""


class Finding(msgspec.Struct, frozen=True):
    """The outcome of one check; names no host and no program."""

    name: str
    status: Status
    found: str
    effect: str
    remedy: str


def by_severity(findings: list[Finding]) -> list[Finding]:
    """Put the most serious findings first, and keep the order of equals."""
    return sorted(findings, key=lambda finding: list(Status).index(finding.status))
