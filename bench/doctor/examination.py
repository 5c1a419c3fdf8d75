"""All checks, and how their findings are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.doctor import clocks, cpu, limits, software
from bench.doctor.check import Check
from bench.doctor.machine import Machine
from bench.model.finding import Finding, Status, by_severity

CHECKS: dict[str, Check] = {
    check.name: check for check in (*cpu.CHECKS, *clocks.CHECKS, *limits.CHECKS, *software.CHECKS)
}
STYLES = {Status.PROBLEM: "bold red", Status.WARNING: "yellow", Status.UNKNOWN: "dim", Status.OK: "green"}
REFERRAL = "`python -m bench doctor` tells what this does to the figures and how to mend it"


def examine(machine: Machine) -> list[Finding]:
    """Run every check, in about 0.1 s; the most serious finding comes first."""
    return by_severity([check.examine(machine) for check in CHECKS.values()])


def findings_table(findings: Sequence[Finding]) -> RenderableType:
    """Show all findings with what they do to the figures, and with the remedy where something is to be mended."""
    table = Table("", "check", show_lines=True)
    table.add_column("found", ratio=2)
    table.add_column("what it does to the figures, and how to mend it", ratio=3)
    for finding in findings:
        meaning = Text(finding.effect)
        if finding in serious(findings):
            meaning.append(f"\n{finding.remedy}", style="bold")
        status = Text(finding.status, style=STYLES[finding.status])
        table.add_row(status, finding.name, Text(finding.found), meaning)
    return Group(table, Text(verdict(findings), style="bold"))


def serious(findings: Sequence[Finding]) -> list[Finding]:
    """Return the problems and warnings only."""
    return [finding for finding in findings if finding.status in (Status.PROBLEM, Status.WARNING)]


def verdict(findings: Sequence[Finding]) -> str:
    """Sum up in one sentence."""
    count = Counter(finding.status for finding in findings)
    counts = ", ".join(
        f"{count[status]} {status}{'s' * (count[status] != 1)}" for status in (Status.PROBLEM, Status.WARNING)
    )
    belief = "may not be believed" if count[Status.PROBLEM] else "can be believed"
    return f"{counts}: figures taken now {belief}."


def tell(findings: Sequence[Finding], console: Console) -> None:
    """Print one line for each problem and each warning, and nothing if there is none."""
    for finding in serious(findings):
        line = Text(f"{finding.status}: {finding.name}: {finding.found}", style=STYLES[finding.status])
        console.print(line, soft_wrap=True, highlight=False)
    if serious(findings):
        console.print(REFERRAL, soft_wrap=True, highlight=False)
