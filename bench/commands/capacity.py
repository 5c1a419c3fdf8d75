"""The subcommand `capacity`: the maximum load of each strategy within the SLO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.analysis.window_length import seconds_needed
from bench.capacity.result import Axis, CapacityPlan
from bench.capacity.search import Rules
from bench.capacity.search_runner import SearchRunner
from bench.commands.options import ABOVE_0, FROM_0, check_rooms, workload_options
from bench.commands.server_options import peer_options
from bench.commands.session import answers, exit_with, kept_in, results_folder, running
from bench.commands.strategies import own_strategies, strategies_option
from bench.execution.arm_server import probe
from bench.model.percentile import Percentile
from bench.model.plan import Arm, Workload, make_plan
from bench.presentation.capacity_answer import capacity_answer
from bench.presentation.terminal import answer_in_terminal
from bench.presentation.window_wording import too_few_messages
from bench.storage.campaign_folder import CampaignFolder

MIN_DURATION_S = 5.0


@click.command
@strategies_option("One named twice is compared with itself; 'none' leaves them out where a --rival is given.")
@peer_options
@click.option("--slo-ms", default=50.0, type=ABOVE_0, help="The SLO for the delivery latency; nothing may be missing.")
@click.option(
    "--percentile", default="99", type=click.Choice([*map(str, Percentile)]), help="Which one --slo-ms limits."
)
@click.option(
    "--by", default="users", type=click.Choice([*map(str, Axis)]), help="What grows: users, or messages/s of each room."
)
@click.option("--users", default=500, type=click.IntRange(1), help="Users in the room, where the rate grows.")
@click.option("--rooms", default=1, type=click.IntRange(1), help="Rooms that the users are dealt out to.")
@click.option("--room-rate", default=100.0, type=ABOVE_0, help="Messages/s of each room, where the users grow.")
@click.option("--start", default=50, type=click.IntRange(1), help="The first load.")
@click.option("--limit", default=10_000, type=click.IntRange(1), help="The largest load.")
@click.option(
    "--resolution", default=5.0, type=FROM_0, help="Per cent between a passed and a failed load at which to stop."
)
@click.option("--repeats", default=3, type=click.IntRange(1), help="Tries of each load that the answer rests on.")
@click.option("--max-minutes", default=30.0, type=ABOVE_0, help="No try begins that would end later.")
@click.option(
    "--duration",
    "duration_s",
    type=ABOVE_0,
    help="Seconds of each window.  [default: as long as the percentile needs, at least 5]",
)
@workload_options
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the schedules.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder.  [default: results/capacity-TIME]"
)
def capacity(
    strategies: list[str],
    peers: list[Arm],
    slo_ms: float,
    percentile: str,
    by: str,
    users: int,
    rooms: int,
    room_rate: float,
    start: int,
    limit: int,
    resolution: float,
    repeats: int,
    max_minutes: float,
    duration_s: float | None,
    seed: int,
    out: Path | None,
    **workload: Any,
) -> None:
    """Find the maximum load of each strategy within the SLO.

    A load passes if nothing is missing, the backlog does not grow and the percentile is within --slo-ms. The load grows
    until it fails; then the edge is bisected, and the loads that decide the answer are repeated. Each try has a fresh
    server. The answer is a bracket; it says whether the server or the generator was the limit, and what a FIFO queue
    with the measured costs predicts. Ctrl-C keeps what is known. Exit codes: 0 done and valid, 2 wrong use, 3
    interrupted, not a single try, or invalid tries at the edge.
    """
    if start > limit:
        raise click.BadParameter(
            f"{start} is above --limit {limit}; start lower or raise the limit", param_hint="--start"
        )
    axis = Axis(by)
    by_users = axis is Axis.USERS
    rate = room_rate if by_users else float(start)
    if duration_s is None:
        duration_s = max(MIN_DURATION_S, seconds_needed(float(percentile), rooms * rate))
    first_users = start if by_users else users
    check_rooms(rooms, first_users)
    shared = Workload(users=(first_users,), room_rate=rate, duration_s=duration_s, rooms=rooms, **workload)
    plan = CapacityPlan(
        by=axis,
        workload=shared,
        arms=make_plan(shared, own_strategies(strategies, peers), 1, slo_ms, seed, peers).arms,
        percentile=Percentile(percentile),
        slo_ms=slo_ms,
        rules=Rules(start, limit, repeats, resolution / 100),
        max_minutes=max_minutes,
        seed=seed,
    )
    with running(limit if by_users else users) as session:
        environment = session.environment()
        if shortage := too_few_messages(shared, plan.percentile.number):
            session.print(shortage)
        store = CampaignFolder(results_folder(out, "capacity"))
        with session.starting():
            probe(plan.arms, shared.notice_limit, session.interruption, tell=session.print)
            store.create()
        with session.writing(kept_in(store.directory)), store.locked():
            result = SearchRunner(plan, environment, store, session.interruption, session.console).run()
            answers().print(answer_in_terminal(capacity_answer(result)))
            from bench.presentation.charts.capacity import draw_capacity  # here, as it takes a second to load

            draw_capacity(result, store.charts)
            session.print(f"results in {store.directory}")
    exit_with(is_valid=result.valid and not session.is_interrupted)
