"""The command line of the bench: its verbs and their flags."""

from __future__ import annotations

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
from bench.interruption import interruptible
from bench.plan import Workload, make_plan
from bench.store import Store
from bench.summary import Summary
from bench.table import answer_table
from bench.target import Refused, TrialFailed, probe

NOT_BELIEVABLE = 3
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
    type=click.FloatRange(0, min_open=True),
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
    type=click.FloatRange(0, min_open=True),
    help="Seconds of each window.",
)
@click.option("--warmup", "warmup_s", default=2.0, type=click.FloatRange(0), help="Seconds of load before each window.")
@click.option(
    "--drain",
    "drain_s",
    default=5.0,
    type=click.FloatRange(0, min_open=True),
    help="Seconds at most for the last deliveries.",
)
@click.option("--join-rate", default=500.0, type=click.FloatRange(0, min_open=True), help="Users that join a second.")
@click.option(
    "--notice-limit",
    default=200,
    type=click.IntRange(0),
    help="Members above which joins and leaves are not announced.",
)
@click.option("--swarm-workers", default=1, type=click.IntRange(1), help="Processes that the swarm is spread over.")
@click.option("--blocks", default=1, type=click.IntRange(1), help="How often everything is repeated, in a new order.")
@click.option(
    "--slo-ms",
    default=50.0,
    type=click.FloatRange(0, min_open=True),
    help="The objective: p99 of the delivery latency.",
)
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the order and the schedule.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder.  [default: results/compare-TIME]",
)
def compare(strategies: list[str], blocks: int, slo_ms: float, seed: int, out: Path | None, **workload: Any) -> None:
    """Compare strategies while the user count grows.

    Each gets a fresh server and the same swarm. Exit codes: 0 done and believable, 2 wrong use, 3 a run
    failed or may not be believed. Slowness and missing deliveries are results, not failures.
    """
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
        summary = run_campaign(plan, environment, store, interruption, console)
        _show(summary, store, console)
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
    for path in draw_all(summary, store.charts):
        click.echo(path)


def _show(summary: Summary, store: Store, console: Console) -> None:
    """Draw the charts, print the answer on stdout, and say where everything is."""
    charts = draw_all(summary, store.charts)
    Console(width=None if sys.stdout.isatty() else 120).print(answer_table(summary))
    console.print(f"results in {store.directory}" + ("" if charts else "; no cell, so no chart"), soft_wrap=True)


main.add_command(doctor)

if __name__ == "__main__":
    main(prog_name="python -m bench")
