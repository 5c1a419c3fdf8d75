"""Proof by injection: known faults, whose effect follows from a model, and what is measured of them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import MappingProxyType

import click
from rich.console import Console

from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.commands.session import answers
from bench.errors import TrialError
from bench.execution.campaign import report_failure
from bench.execution.interruption import interruptible
from bench.execution.pinning import choose_pinning
from bench.validation.selftest import delay, faults, freeze
from bench.validation.selftest.harness import Harness
from bench.validation.selftest.results import Result, table

INJECTIONS = MappingProxyType({"freeze": freeze.run, "hold": delay.run, "faults": faults.run})
SECONDS = MappingProxyType({"freeze": 18, "hold": 20, "faults": 15})
WIDTH = 140


@click.command("selftest")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(INJECTIONS)),
    help="Inject only this; may be given more than once.  [default: all]",
)
def command(only: tuple[str, ...]) -> None:
    """Prove the measuring: inject known faults and compare.

    A server is frozen for a second, a relay holds every byte for 20 ms, and servers lose, repeat and swap 1 delivery in
    1,000. It takes about a minute. Exit codes: 0 all as expected, 2 wrong use, 3 something is not.
    """
    console = Console(stderr=True)
    rows: list[Result] = []
    untested = list(dict.fromkeys(only or INJECTIONS))
    with interruptible() as interruption, tempfile.TemporaryDirectory() as directory:
        harness = Harness(Path(directory), choose_pinning(), interruption)
        for name in tuple(untested):
            console.print(f"{name}: about {SECONDS[name]} s", highlight=False)
            try:
                rows += INJECTIONS[name](harness)
                untested.remove(name)
            except TrialError as error:
                report_failure(console, name, error.failure)
            if interruption.signal_name:
                break
    answer = answers(WIDTH, highlight=False)
    if rows:
        answer.print(table(rows))
    if any(row.closed_loop for row in rows):
        answer.print(freeze.NOTE)
    unexpected = sum(not row.passed for row in rows)
    click.echo(_verdict(len(rows), unexpected, untested))
    if unexpected or untested:
        sys.exit(NOT_BELIEVABLE)


def _verdict(rows: int, unexpected: int, untested: list[str]) -> str:
    parts = [f"{rows - unexpected} of {rows} figures are as expected"]
    if unexpected:
        parts.append("times need a machine that does nothing else; counts are exact on any")
    if untested:
        parts.append(f"not tested: {', '.join(untested)}")
    return "; ".join(parts) + "."
