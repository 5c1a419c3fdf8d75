"""The verb `connections`: what idle connections cost, and how a crowd comes and goes."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.commands.options import strategies
from bench.commands.session import answers
from bench.connections.measurement import Connections, measure
from bench.doctor.examination import examine, tell
from bench.doctor.machine import this_machine
from bench.errors import TrialError
from bench.execution.campaign import report_failure
from bench.execution.interruption import interruptible
from bench.execution.pinning import choose_pinning
from loadtest.client.descriptors import all_granted

OWN_FILES = 64


@click.command
@click.option("--strategies", default="direct,queue,gather,coalesced", callback=strategies, help="Which to measure.")
@click.option("--members", default=5_000, type=click.IntRange(1, 20_000), help="Members that join.")
@click.option("--vanish", default=1_000, type=click.IntRange(1), help="How many of them vanish at once.")
def connections(strategies: list[str], members: int, vanish: int) -> None:
    """Measure what idle connections cost a server.

    A crowd joins a fresh server of each strategy and says nothing; some vanish without a word and come again; then the
    server is stopped with all of them in, none of whom answers its goodbye. Exit codes: 0 done, 2 wrong use, 3 a
    server failed.
    """
    if vanish > members:
        raise click.BadParameter(f"{vanish:,} cannot vanish of {members:,}; let fewer vanish", param_hint="--vanish")
    console, pinning = Console(stderr=True), choose_pinning()
    tell(examine(this_machine(members)), console)
    if pinning.swarm_cores:
        os.sched_setaffinity(0, pinning.swarm_cores)
    measured: list[Connections] = []
    with interruptible() as interruption, all_granted(), tempfile.TemporaryDirectory() as logs:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if members + OWN_FILES > allowed:
            raise click.BadParameter(
                f"{members:,} members need as many open files, and {allowed:,} are allowed; raise `ulimit -n`",
                param_hint="--members",
            )
        for strategy in dict.fromkeys(strategies):
            console.print(f"{strategy}: {members:,} members", highlight=False)
            try:
                measured.append(measure(strategy, members, vanish, Path(logs), pinning, interruption))
            except TrialError as error:
                report_failure(console, strategy, error.failure)
            if interruption.signal_name:
                break
    if measured:
        answers().print(_table(measured))
    for row in measured:
        if row.log_lines:
            console.print(
                f"{row.strategy}: the server wrote {len(row.log_lines):,} lines, the first: {row.log_lines[0]}"
            )
    if len(measured) < len(set(strategies)):
        sys.exit(NOT_BELIEVABLE)


def _table(rows: Sequence[Connections]) -> Table:
    first = rows[0]
    table = Table(title=f"{first.members:,} idle members", title_justify="left")
    table.add_column("strategy")
    for heading in (
        "KiB a connection",
        "server CPU a join, us",
        "joins/s of one core",
        "joins/s seen",
        f"{first.vanished:,} vanish: gone after, s",
        "shutdown, s",
        "lines written",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.strategy,
            f"{row.bytes_per_connection / 1024:.1f}",
            f"{row.cpu_us_per_join:.0f}",
            f"{1e6 / row.cpu_us_per_join:,.0f}" if row.cpu_us_per_join else "-",
            f"{row.joins_per_s:,.0f}",
            f"{row.cleanup_s:.2f}",
            f"{row.shutdown_s:.1f}",
            f"{len(row.log_lines):,}",
        )
    return table
