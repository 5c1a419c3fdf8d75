"""The command line of the bench: its verbs and their flags."""

from __future__ import annotations

import math
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.campaign import report_failure, run_campaign
from bench.charts import draw_all
from bench.doctor.command import doctor
from bench.doctor.examination import examine, tell
from bench.doctor.machine import this_machine
from bench.environment import choose_pinning, read_environment
from bench.exit_codes import NOT_BELIEVABLE
from bench.interruption import interruptible
from bench.plan import Workload, make_plan
from bench.run import Failure
from bench.selftest import command as selftest
from bench.store import Store
from bench.summary import Summary
from bench.table import answer_table
from bench.target import Refused, TrialFailed, probe
from bench.witness.command import command as second_opinion

SHORTEST_STAMP = 60  # characters that every message's text begins with


def _strategies(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            raise click.BadParameter(f"{name!r} is no strategy's name; give names such as direct,queue,gather")
    return names


def _users(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    words = [word.strip() for word in value.split(",")]
    for word in words:
        if not re.fullmatch(r"[1-9][0-9]*", word):
            raise click.BadParameter(f"{word!r} is no user count; give whole numbers from 1, such as 50,100,200")
    return tuple(sorted({int(word) for word in words}))


class _Finite(click.FloatRange):
    """A range of numbers that has neither infinity nor what is no number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number, or fail with what is allowed."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


_ABOVE_0 = _Finite(0, min_open=True)
_FROM_0 = _Finite(0)


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Compare how chatroom servers spread messages while the room grows."""


@main.command()
@click.option(
    "--strategies",
    default="direct,queue,gather",
    callback=_strategies,
    help="One named twice is set against itself.",
)
@click.option("--users", default="50,100,200,400,800", callback=_users, help="User counts, swept upwards.")
@click.option(
    "--room-rate",
    default=100.0,
    type=_ABOVE_0,
    help="Messages/s, all users together.",
)
@click.option("--message-size", default=64, type=click.IntRange(SHORTEST_STAMP), help="Bytes of text a message.")
@click.option(
    "--arrival", default="constant", type=click.Choice(["constant", "poisson"]), help="When messages are due."
)
@click.option(
    "--duration",
    "duration_s",
    default=5.0,
    type=_ABOVE_0,
    help="Seconds of each window.",
)
@click.option("--warmup", "warmup_s", default=2.0, type=_FROM_0, help="Seconds of load before each window.")
@click.option(
    "--drain",
    "drain_s",
    default=5.0,
    type=_ABOVE_0,
    help="Seconds at most for the last deliveries.",
)
@click.option("--join-rate", default=500.0, type=_ABOVE_0, help="Users that join a second.")
@click.option(
    "--notice-limit",
    default=200,
    type=click.IntRange(0),
    help="Members above which joins and leaves are not announced.",
)
@click.option("--server-workers", default=1, type=click.IntRange(1, 1), help="Processes of the server; one so far.")
@click.option("--swarm-workers", default=1, type=click.IntRange(1), help="Processes that the swarm is spread over.")
@click.option("--blocks", default=1, type=click.IntRange(1), help="How often everything is repeated, in a new order.")
@click.option(
    "--slo-ms",
    default=50.0,
    type=_ABOVE_0,
    help="The objective: p99 of the delivery latency.",
)
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the order and the schedule.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder.  [default: results/compare-TIME]",
)
def compare(
    strategies: list[str], blocks: int, slo_ms: float, seed: int, out: Path | None, server_workers: int, **workload: Any
) -> None:
    """Compare strategies while the user count grows.

    Each gets a fresh server and the same swarm. Exit codes: 0 done and believable, 2 wrong use, 3 a run
    failed or may not be believed. Slowness and missing deliveries are results, not failures.
    """
    del server_workers  # its range is its check
    plan = make_plan(Workload(**workload), strategies, blocks, slo_ms, seed)
    console = Console(stderr=True)
    findings = examine(this_machine(max(plan.workload.users)))
    tell(findings, console)
    store = Store((out or Path("results") / f"compare-{datetime.now(UTC):%Y%m%dT%H%M%SZ}").resolve())
    with interruptible() as interruption:
        try:
            probe(strategies, plan.workload.notice_limit, interruption)
            store.create()
        except Refused as error:
            raise click.UsageError("\n".join(error.failure.log)) from error
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--out") from error
        except TrialFailed as error:
            report_failure(console, "cannot start", error.failure)
            sys.exit(NOT_BELIEVABLE)
        environment = read_environment(choose_pinning(), findings)
        try:
            summary = run_campaign(plan, environment, store, interruption, console)
            _show(summary, store, console)
        except OSError as error:
            report_failure(console, "cannot write the results", Failure(f"{error}; what was written is kept"))
            sys.exit(NOT_BELIEVABLE)
    if not summary.believable:
        sys.exit(NOT_BELIEVABLE)


@main.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def plot(directory: Path) -> None:
    """Draw the charts again from the results in DIRECTORY."""
    store = Store(directory)
    try:
        summary = store.read_summary()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        paths = draw_all(summary, store.charts)
    except OSError as error:
        raise click.UsageError(f"the charts cannot be written: {error}; copy the folder to where they can") from error
    for path in paths:
        click.echo(path)


def _show(summary: Summary, store: Store, console: Console) -> None:
    """Print the answer on stdout, draw the charts, and say where everything is."""
    Console(width=None if sys.stdout.isatty() else 120).print(answer_table(summary))
    charts = draw_all(summary, store.charts)
    console.print(f"results in {store.directory}" + ("" if charts else "; no cell, so no chart"), soft_wrap=True)


for _verb in (doctor, second_opinion, selftest):
    main.add_command(_verb)

if __name__ == "__main__":
    main(prog_name="python -m bench")
