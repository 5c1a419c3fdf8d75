"""The subcommand `selftest`: known faults are injected, and the measured effect is compared with the expected one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import MappingProxyType

import click

from bench.commands.options import new_folder
from bench.commands.session import answers, exit_with, running
from bench.errors import TrialError
from bench.presentation.selftest_answer import selftest_table, selftest_verdict
from bench.presentation.terminal import table_in_terminal
from bench.storage.files import make_folder
from bench.validation.selftest import inject_delay, inject_faults, inject_freeze
from bench.validation.selftest.harness import Harness
from bench.validation.selftest.results import Result
from bench.validation.selftest.stored import FORMAT, SelftestResult, write_selftest

INJECTIONS = MappingProxyType({"freeze": inject_freeze.run, "hold": inject_delay.run, "faults": inject_faults.run})
SECONDS = MappingProxyType({"freeze": 18, "hold": 20, "faults": 15})
WIDTH = 140


@click.command
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(INJECTIONS)),
    help="Inject only this; may be given more than once.  [default: all]",
)
@new_folder
def selftest(only: tuple[str, ...], out: Path | None) -> None:
    """Check the measurement itself: inject known faults and compare.

    A server is frozen for a second, a relay holds every byte for 20 ms, and servers lose, repeat and swap 1 delivery in
    1,000. It takes about a minute. Exit codes: 0 all as expected, 2 wrong use, 3 something is not.
    """
    results: list[Result] = []
    untested = list(dict.fromkeys(only or INJECTIONS))
    with running() as session, tempfile.TemporaryDirectory() as directory:
        with session.starting():
            if out:
                make_folder(out)
        harness = Harness(Path(directory), session.pinning, session.interruption)
        for name in tuple(untested):
            session.print(f"{name}: about {SECONDS[name]} s")
            try:
                results += INJECTIONS[name](harness)
                untested.remove(name)
            except TrialError as error:
                session.print_failure(name, error)
            if session.is_interrupted:
                break
        if out:
            result = SelftestResult(FORMAT, session.environment(), tuple(results), tuple(untested))
            with session.writing("nothing was stored; choose another --out"):
                write_selftest(result, out)
    answer = answers(WIDTH, highlight=False)
    if results:
        answer.print(table_in_terminal(selftest_table(results)))
    if any(result.closed_loop for result in results):
        answer.print(inject_freeze.NOTE)
    unexpected = sum(not result.passed for result in results)
    click.echo(selftest_verdict(len(results), unexpected, untested))
    exit_with(is_valid=not (unexpected or untested))
