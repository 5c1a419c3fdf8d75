"""The verb `second-opinion`: asks whether members of the same room see what the generator says."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.commands.exit_codes import NOT_BELIEVABLE
from bench.commands.session import answers, starting
from bench.errors import TrialError
from bench.execution.campaign import report_failure
from bench.execution.interruption import Interruption, interruptible
from bench.execution.pinning import choose_pinning
from bench.execution.server_process import CommandTarget, Listener, Target
from bench.model.plan import Workload
from bench.validation.cross_check.agreement import CrossCheck, Figures
from bench.validation.cross_check.check_runner import CheckRunner
from bench.validation.cross_check.generators import Generator, K6Generator, SwarmGenerator
from bench.validation.cross_check.observation import join_spacing

NO_NOTICES = 0  # a room of more members than this announces nothing, so all that is heard is measured
MESSAGE_SIZE = 64
DRAIN_S = 5.0
TOO_LONG_TO_SHOW_MS = 100


def _rates(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(word) for word in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of rates; write as in 10,40,100") from error
    if not all(0 < rate < float("inf") for rate in rates):
        raise click.BadParameter(f"{value!r} has a rate that is not above 0; write as in 10,40,100")
    return rates


def _command(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and "{port}" not in value:
        raise click.BadParameter(f"{value!r} does not say where its port goes; write {{port}} there")
    return value


@click.command("second-opinion", context_settings={"show_default": True})
@click.option("--strategy", default="direct", help="The strategy of our own server.")
@click.option(
    "--target-command",
    metavar="COMMAND",
    callback=_command,
    help="Ask about this server instead, as in 'python app.py {port}': WS /chat?user_id=NAME on 127.0.0.1.",
)
@click.option("--users", default=500, type=click.IntRange(1), help="Members that the generator brings.")
@click.option("--witnesses", default=21, type=click.IntRange(2), help="Members that look on, spread over the room.")
@click.option("--room-rate", "rates", default="10,40,100", callback=_rates, help="Messages/s, one opinion each.")
@click.option("--duration", "duration_s", default=5.0, type=click.FloatRange(0, min_open=True), help="Window, seconds.")
@click.option("--warmup", "warmup_s", default=2.0, type=click.FloatRange(0), help="Seconds of load before each window.")
@click.option(
    "--join-rate",
    type=click.FloatRange(0, min_open=True),
    help="Users that join a second.  [default: as many as sit between two witnesses]",
)
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the swarm's schedule.")
@click.option("--k6", metavar="PATH", help="Ask k6 as well: the path of its binary.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, exists=False, path_type=Path),
    help="A new folder for the opinions, logs and raw results.  [default: nothing is kept]",
)
def command(
    strategy: str,
    target_command: str | None,
    users: int,
    witnesses: int,
    rates: tuple[float, ...],
    duration_s: float,
    warmup_s: float,
    join_rate: float | None,
    seed: int,
    k6: str | None,
    out: Path | None,
) -> None:
    """Set what the swarm says beside what independent members of the same room see.

    The witnesses are members too, so a message makes USERS + WITNESSES deliveries. They join from first to last,
    equally far apart in the order of joining: a server that sends in that order, as `direct` does, serves them as it
    serves all. Users join in bursts, one burst between two witnesses. With 21 witnesses a percentile may
    still differ by 2.5 % of the time that one message takes to go round the room.

    The swarm gives all frames of one read the receive time of the last; witnesses read frame by frame. Where many
    frames come in one read its figures are upper bounds: 'off by' says by how much at most, p99 ms.

    They agree if p50 and p99 are within the larger of 10 % and 0.5 ms. Exit codes: 0 the swarm and its witnesses
    agree, 2 wrong use, 3 they do not, or a run failed. k6 gets a server of its own, with witnesses; its figures are
    shown and do not decide the exit code, as its clock tells whole milliseconds.
    """
    workload = Workload(
        users=(users,),
        room_rate=rates[0],
        message_size=MESSAGE_SIZE,
        arrival="constant",
        duration_s=duration_s,
        warmup_s=warmup_s,
        drain_s=DRAIN_S,
        join_rate=join_rate or join_spacing(users, witnesses),
        notice_limit=NO_NOTICES,
    )
    pinning = choose_pinning()

    def start_server(log: Path) -> Listener:
        if target_command is not None:
            return CommandTarget(target_command, log, pinning.server_cores)
        return Target(strategy, NO_NOTICES, log, pinning.server_cores)

    generators: list[Generator] = [SwarmGenerator(), *([K6Generator(k6)] if k6 else [])]
    console = Console(stderr=True)
    opinions: list[CrossCheck] = []
    failed = False
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        with starting(console):
            _try_out(start_server, interruption)
        directory = _folder(out, stack)
        runner = CheckRunner(start_server, workload, witnesses, seed, pinning, interruption)
        for rate, generator in product(dict.fromkeys(rates), generators):
            name = f"{generator.name}-{rate:g}"
            console.print(f"{name}: {users} users, {witnesses} witnesses, {rate:g} messages/s", highlight=False)
            try:
                opinions.append(runner.run(generator, rate, directory / name))
            except TrialError as error:
                report_failure(console, name, error.failure)
                failed = True
            if interruption.signal_name:
                break
        (directory / "opinions.json").write_bytes(msgspec.json.format(msgspec.json.encode(opinions)))
    if opinions:
        _show(opinions)
    if failed or not all(opinion.agrees for opinion in opinions if opinion.reported.generator == SwarmGenerator.name):
        sys.exit(NOT_BELIEVABLE)


def _try_out(start_server: Callable[[Path], Listener], interruption: Interruption) -> None:
    """See whether the server starts at all, before there is a folder; raises what `await_ready` does."""
    with tempfile.TemporaryDirectory() as directory, start_server(Path(directory) / "server.log") as server:
        server.await_ready(interruption)


def _folder(out: Path | None, stack: ExitStack) -> Path:
    """Return a new folder; one that nobody asked for goes when the stack does."""
    if out is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory()))
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise click.BadParameter(f"{error}; give a folder that does not exist yet", param_hint="--out") from error
    return out.resolve()


def _show(opinions: list[CrossCheck]) -> None:
    table = Table()
    table.add_column("generator")
    for heading in ("messages/s", "deliveries/s", "missing", "p50 ms", "witnesses'", "p99 ms", "witnesses'", "off by"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for opinion in opinions:
        claimed, seen = opinion.reported.figures, opinion.observed
        table.add_row(
            opinion.reported.generator,
            f"{opinion.room_rate:g}",
            f"{opinion.deliveries_per_s:,.0f}",
            f"{_missing(claimed)}, {_missing(seen)}",
            _milliseconds(claimed.p50_ms),
            _milliseconds(seen.p50_ms),
            _milliseconds(claimed.p99_ms),
            _milliseconds(seen.p99_ms),
            _milliseconds(opinion.reported.uncertainty_ms),
            "agree" if opinion.agrees else "differ",
        )
    notes = [
        f"{opinion.reported.generator}, {opinion.room_rate:g} messages/s: {kind}: {text}"
        for opinion in opinions
        for kind, texts in (("not believable", opinion.problems), ("note", opinion.remarks))
        for text in texts
    ]
    console = answers()
    console.print(table)
    for note in notes:
        console.print(Text(note))


def _missing(figures: Figures) -> str:
    return f"{figures.expected - figures.delivered:,}"


def _milliseconds(value: float | None) -> str:
    return "never" if value is None else f"{value:,.2f}" if value < TOO_LONG_TO_SHOW_MS else f"{value:,.0f}"
