"""What the doctor found, in a table, in one sentence, and in one line for each problem and warning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bench.doctor.examination import serious
from bench.model.finding import Finding, Status
from bench.presentation.table import Answer, Column, Row, Table, Tone
from bench.presentation.terminal import STYLES
from bench.presentation.text import counted

TONES = {Status.PROBLEM: Tone.BAD, Status.WARNING: Tone.DOUBTFUL, Status.UNKNOWN: Tone.PLAIN, Status.OK: Tone.GOOD}
REFERRAL = "`python -m bench doctor` says what this does to the figures and how to fix it"


def doctor_answer(findings: Sequence[Finding]) -> Answer:
    """Return all findings, and the verdict."""
    return Answer((), findings_table(findings), (doctor_verdict(findings),))


def findings_table(findings: Sequence[Finding], *, explains_all: bool = True) -> Table:
    """Show all findings with their effect on the figures, and the remedies of problems and warnings.

    Without `explains_all`, only problems and warnings have their effect.
    """
    columns = (
        Column("status", shows_tone=True),
        Column("check"),
        Column("found"),
        Column("effect on the figures, and remedy"),
    )
    to_fix = serious(findings)
    rows = tuple(
        Row(
            (
                finding.status,
                finding.name,
                finding.found,
                f"{finding.effect}\nRemedy: {finding.remedy}" if finding in to_fix else finding.effect * explains_all,
            ),
            TONES[finding.status],
            starts_section=True,
        )
        for finding in findings
    )
    return Table("", columns, rows)


def doctor_verdict(findings: Sequence[Finding]) -> str:
    """Sum up in one sentence."""
    count = Counter(finding.status for finding in findings)
    counts = ", ".join(counted(count[status], status) for status in (Status.PROBLEM, Status.WARNING))
    return f"{counts}: figures taken now are {'invalid' if count[Status.PROBLEM] else 'valid'}."


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print one line for each problem and each warning, and nothing if there is none."""
    for finding in serious(findings):
        line = Text(f"{finding.status}: {finding.name}: {finding.found}", style=STYLES[TONES[finding.status]])
        console.print(line, soft_wrap=True, highlight=False)
    if serious(findings):
        console.print(REFERRAL, soft_wrap=True, highlight=False)
