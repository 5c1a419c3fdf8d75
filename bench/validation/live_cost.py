"""What it costs to watch a run: the swarm watched in every way, beside the same swarm unwatched.

`python -m bench.validation.live_cost --out DIR` runs both in turn, block by block, against one kind of server. Who is
watched takes a sample every second, writes it to a file (which the terminal shows), and answers Prometheus, which asks
every second.
"""

from __future__ import annotations

import statistics
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import click
import msgspec
from rich.console import Console

from bench.analysis.live_summary import LiveSummary
from bench.analysis.validity import invalid_users
from bench.doctor.machine import yardstick_or_none
from bench.execution.campaign import run_campaign
from bench.execution.environment_reader import read_environment
from bench.execution.interruption import interruptible
from bench.execution.pinning import choose_pinning
from bench.execution.ports import free_port
from bench.execution.server_process import ChatServer
from bench.execution.trial_runner import Extras
from bench.model.plan import Arm, Plan, Trial, Workload, make_plan
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.files import read_struct, write_struct
from loadtest.live.seconds import LiveSecond

FORMAT = 1
FILE = "live_cost.json"
UNWATCHED, WATCHED = "unwatched", "watched"
STRATEGY = "direct"
SCRAPE_S = 1.0
INVALID = 3


class LiveCost(msgspec.Struct, frozen=True):
    """The contents of `live_cost.json`, beside the `summary.json` of both arms.

    `sampling_cpu_ms` is the CPU time in milliseconds of a sample, one a second: the median of each watched trial.
    """

    format: int
    sampling_cpu_ms: tuple[float, ...]


class Prometheus:
    """Asks a swarm for its metrics once a second."""

    def __init__(self) -> None:
        self.port = free_port()
        self.answers = 0
        self._due_s = 0.0

    def ask_if_due(self, _server: ChatServer, _address: tuple[str, int]) -> None:
        """Ask, if the last time was a second ago."""
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + SCRAPE_S
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=SCRAPE_S) as answer:
                self.answers += bool(answer.read())
        except OSError:
            return  # a swarm that starts or ends; `answers` tells whether it ever answered


class Watching:
    """The extras of each trial: those of the watched arm are watched in every way."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self.prometheus: dict[Trial, Prometheus] = {}

    def extras(self, trial: Trial) -> Extras:
        """Return the flags of a trial's swarm, and who asks it meanwhile."""
        if trial.arm.label == UNWATCHED:
            return Extras(swarm_flags={"--no-samples": True})
        self.prometheus[trial] = asking = Prometheus()
        flags = {"--live-out": self.live_file(trial), "--metrics-port": asking.port}
        return Extras(swarm_flags=flags, look=asking.ask_if_due)

    def live_file(self, trial: Trial) -> Path:
        """Return the file with the seconds of a watched trial."""
        return self._logs / f"{trial.name}.live.jsonl"

    def sampling_cpu_ms(self) -> tuple[float, ...]:
        """Return the median CPU time of a sample in each watched trial that ended."""
        medians = []
        for trial in self.prometheus:
            if not self.live_file(trial).exists():
                continue
            lines = self.live_file(trial).read_bytes().splitlines()
            seconds = [msgspec.json.decode(line, type=LiveSecond) for line in lines]
            times = [
                each.sampling_cpu_ms for each in seconds if each.sampling_cpu_ms is not None and each.deliveries_per_s
            ]
            if times:
                medians.append(statistics.median(times))
        return tuple(medians)


def read_live_cost(directory: Path) -> LiveCost:
    """Read `live_cost.json`.

    Raises:
        ResultsError: the file is missing, damaged or of another format.

    """
    remedy = "give a folder that `python -m bench.validation.live_cost --out` wrote"
    return read_struct(directory / FILE, LiveCost, "cost of the live view", remedy)


@click.command
@click.option("--users", default=400, type=click.IntRange(1), help="Users in the room.")
@click.option("--room-rate", default=100.0, type=click.FloatRange(0, min_open=True), help="Messages a second.")
@click.option("--duration", default=10.0, type=click.FloatRange(0, min_open=True), help="Seconds of a window.")
@click.option("--blocks", default=12, type=click.IntRange(1), help="Times that both are run.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder for the results.")
def main(users: int, room_rate: float, duration: float, blocks: int, out: Path) -> None:
    """Measure what it costs to watch a run. Exit codes: 0 done and valid, 2 wrong use, 3 something is not valid."""
    workload = Workload(
        users=(users,),
        room_rate=room_rate,
        message_size=64,
        arrival="poisson",
        duration_s=duration,
        warmup_s=1.0,
        drain_s=5.0,
        join_rate=1000.0,
        notice_limit=200,
    )
    store = CampaignFolder(out.resolve())
    try:
        store.create()
    except OSError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    if not measure(plan_of_both(workload, blocks), store):
        sys.exit(INVALID)


def plan_of_both(workload: Workload, blocks: int) -> Plan:
    """Return a plan that runs an unwatched and a watched swarm in each block."""
    arms = [Arm(label, STRATEGY) for label in (UNWATCHED, WATCHED)]
    return make_plan(workload, (), blocks, slo_ms=50.0, seed=1, peers=arms, retries=2)


def measure(plan: Plan, store: CampaignFolder) -> bool:
    """Run a plan with both arms, and store `summary.json` and `live_cost.json`; return whether all is valid."""
    pinning, watching = choose_pinning(), Watching(store.logs)
    environment = read_environment(pinning, (), yardstick_or_none(pinning))
    live = LiveSummary(plan, environment, store)
    with interruptible() as interruption:
        left = run_campaign(
            plan,
            environment,
            store,
            interruption,
            Console(stderr=True),
            extras=watching.extras,
            on_runs=live.update,
            invalid_users=partial(invalid_users, planned_s=plan.workload.duration_s),
        )
    write_struct(store.directory / FILE, LiveCost(FORMAT, watching.sampling_cpu_ms()))
    unanswered = [trial.name for trial, each in watching.prometheus.items() if not each.answers]
    if unanswered:
        click.echo(f"Prometheus had no answer in {', '.join(unanswered)}; see {store.logs}", err=True)
    return live.summary.valid and not (left or unanswered)


if __name__ == "__main__":
    main(prog_name="python -m bench.validation.live_cost")
