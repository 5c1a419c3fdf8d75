"""All checks of the machine at once."""

from __future__ import annotations

from collections.abc import Sequence

from bench.doctor import clocks, cpu, limits, software, speed
from bench.doctor.check import Check
from bench.doctor.machine import Machine
from bench.model.finding import Finding, Status, by_severity

CHECKS: dict[str, Check] = {
    check.name: check for check in (*cpu.CHECKS, *speed.CHECKS, *clocks.CHECKS, *limits.CHECKS, *software.CHECKS)
}


def examine(machine: Machine) -> list[Finding]:
    """Run every check, in about 0.1 s; the most serious finding comes first."""
    return by_severity([check.examine(machine) for check in CHECKS.values()])


def serious(findings: Sequence[Finding]) -> list[Finding]:
    """Return the problems and the warnings."""
    return [finding for finding in findings if finding.status in (Status.PROBLEM, Status.WARNING)]
