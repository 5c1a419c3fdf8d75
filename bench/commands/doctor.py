"""The verb `doctor` of the command line."""

from __future__ import annotations

import sys

import click
import msgspec

from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.commands.session import answers
from bench.doctor.examination import examine, findings_table
from bench.doctor.machine import this_machine
from bench.model.finding import Finding, Status


class Examination(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    format: int
    users: int
    findings: list[Finding]


@click.command
@click.option("--users", default=10_000, type=click.IntRange(1), help="Users that this machine is to hold.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings for programs.")
def doctor(users: int, as_json: bool) -> None:
    """Look for what would spoil the figures on this machine, and say how to mend it.

    Exit codes: 0 nothing that would make figures unbelievable, 2 wrong use, 3 a problem does.
    """
    findings = examine(this_machine(users))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(Examination(1, users, findings)), indent=1))
    else:
        answers().print(findings_table(findings))
    if any(finding.status is Status.PROBLEM for finding in findings):
        sys.exit(NOT_BELIEVABLE)
