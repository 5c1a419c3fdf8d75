"""The verb `capacity`: the largest load that each strategy holds within the objective."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.capacity.result import Axis, CapacityPlan, CapacityResult, Percentile
from bench.capacity.search import Rules
from bench.capacity.search_runner import SearchRunner
from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.commands.options import ABOVE_0, FROM_0, strategies, workload_options
from bench.commands.session import answers, kept_in, results_folder, starting
from bench.doctor.examination import examine, tell
from bench.doctor.machine import this_machine
from bench.execution.campaign import report_failure
from bench.execution.environment_reader import read_environment
from bench.execution.interruption import interruptible
from bench.execution.pinning import choose_pinning
from bench.execution.server_process import probe
from bench.model.plan import Workload, make_plan
from bench.model.run import Failure
from bench.presentation.capacity_answer import answer_table
from bench.presentation.charts.capacity import draw_capacity
from bench.storage.campaign_folder import Store


@click.command
@click.option(
    "--strategies",
    default="direct,queue,gather,coalesced",
    callback=strategies,
    help="One named twice is set against itself.",
)
@click.option("--slo-ms", default=50.0, type=ABOVE_0, help="The objective for the delivery latency; nothing missing.")
@click.option(
    "--percentile", default="99", type=click.Choice([*map(str, Percentile)]), help="Which one --slo-ms limits."
)
@click.option("--by", default="users", type=click.Choice([*map(str, Axis)]), help="What grows: users, or messages/s.")
@click.option("--users", default=500, type=click.IntRange(1), help="Users in the room, where the rate grows.")
@click.option("--room-rate", default=100.0, type=ABOVE_0, help="Messages/s of all together, where the users grow.")
@click.option("--start", default=50, type=click.IntRange(1), help="The first load.")
@click.option("--limit", default=10_000, type=click.IntRange(1), help="The largest load.")
@click.option("--resolution", default=5.0, type=FROM_0, help="Per cent between held and failed that are close enough.")
@click.option("--repeats", default=3, type=click.IntRange(1), help="Tries of each load that the answer rests on.")
@click.option("--max-minutes", default=30.0, type=ABOVE_0, help="No try begins that would end later.")
@workload_options
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the schedules.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder.  [default: results/capacity-TIME]"
)
def capacity(
    strategies: list[str],
    slo_ms: float,
    percentile: str,
    by: str,
    users: int,
    room_rate: float,
    start: int,
    limit: int,
    resolution: float,
    repeats: int,
    max_minutes: float,
    seed: int,
    out: Path | None,
    **workload: Any,
) -> None:
    """Find the largest load that each strategy holds within the objective.

    A load is held if nothing is missing and the percentile is within --slo-ms. It grows until it fails; then the edge
    is bisected, and what the answer rests on is tried again. Each try has a fresh server. Says whether the server
    or the generator was the limit. Ctrl-C keeps what is known. Exit codes: 0 done and believable, 2 wrong use, 3
    interrupted, not a single try, or an edge in doubt.
    """
    if start > limit:
        raise click.BadParameter(
            f"{start} is above --limit {limit}; start lower or raise the limit", param_hint="--start"
        )
    axis = Axis(by)
    by_users = axis is Axis.USERS
    shared = Workload(users=(start if by_users else users,), room_rate=room_rate if by_users else start, **workload)
    plan = CapacityPlan(
        by=axis,
        workload=shared,
        arms=make_plan(shared, strategies, 1, slo_ms, seed).arms,
        percentile=Percentile(percentile),
        slo_ms=slo_ms,
        rules=Rules(start, limit, repeats, resolution / 100),
        max_minutes=max_minutes,
        seed=seed,
    )
    console = Console(stderr=True)
    findings = examine(this_machine(limit if by_users else users))
    environment = read_environment(choose_pinning(), findings)
    tell(findings, console)
    store = Store(results_folder(out, "capacity"))
    with interruptible() as interruption:
        with starting(console):
            probe(strategies, shared.notice_limit, interruption)
            store.create()
        try:
            with store.locked():
                result = SearchRunner(plan, environment, store, interruption, console).run()
                _show(result, store, console)
        except OSError as error:
            report_failure(console, "cannot write the results", Failure(f"{error}; {kept_in(store.directory)}"))
            sys.exit(NOT_BELIEVABLE)
    if interruption.signal_name or not result.believable:
        sys.exit(NOT_BELIEVABLE)


def _show(result: CapacityResult, store: Store, console: Console) -> None:
    """Print the answer on stdout, draw the chart, and say where everything is."""
    answers().print(answer_table(result))
    draw_capacity(result, store.charts)
    console.print(f"results in {store.directory}", soft_wrap=True)
