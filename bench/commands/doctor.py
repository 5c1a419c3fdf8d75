"""The subcommand `doctor`: what would make figures invalid or noisy on this machine."""

from __future__ import annotations

import sys

import click
import msgspec

from bench.commands.exit_codes import INVALID
from bench.commands.session import answers
from bench.doctor.examination import examine
from bench.doctor.machine import this_machine
from bench.model.finding import Finding, Status
from bench.presentation.doctor_answer import doctor_answer
from bench.presentation.terminal import answer_in_terminal


class Examination(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    format: int
    users: int
    findings: list[Finding]


@click.command
@click.option("--users", default=10_000, type=click.IntRange(1), help="Users that this machine is to carry.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings for programs.")
def doctor(users: int, as_json: bool) -> None:
    """Find what would make figures invalid or noisy on this machine, and how to fix it.

    Exit codes: 0 figures taken now are valid, 2 wrong use, 3 a problem makes them invalid.
    """
    findings = examine(this_machine(users))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(Examination(1, users, findings)), indent=1))
    else:
        answers().print(answer_in_terminal(doctor_answer(findings)))
    if any(finding.status is Status.PROBLEM for finding in findings):
        sys.exit(INVALID)
