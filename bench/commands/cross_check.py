"""The subcommand `cross-check`: whether members of the same room see what the generator reports."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import click
from click.core import ParameterSource

from bench.commands.options import ABOVE_0, FROM_0, rates
from bench.commands.server_options import endpoint_options, one_target_option
from bench.commands.session import answers, exit_with, running
from bench.errors import TrialError
from bench.execution.arm_server import Server, server_of
from bench.execution.interruption import Interruption
from bench.execution.swarm_process import target_url
from bench.model.plan import Arm, Endpoint, Workload
from bench.model.target import Target
from bench.presentation.cross_check_answer import cross_check_answer
from bench.presentation.terminal import answer_in_terminal
from bench.validation.cross_check.agreement import CrossCheck
from bench.validation.cross_check.check_runner import CheckRunner
from bench.validation.cross_check.generators import Generator, K6Generator, SwarmGenerator
from bench.validation.cross_check.observation import join_spacing
from bench.validation.cross_check.stored import FORMAT, CrossCheckResult, write_cross_check

NO_NOTICES = 0  # a larger room announces nothing, so every message is a measured one
MESSAGE_SIZE = 64
DRAIN_S = 5.0
OBSERVERS = click.IntRange(2)
TLS_SCHEMES = ("wss:", "https:")


def _command(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and "{port}" not in value:
        raise click.BadParameter(f"{value!r} does not say where its port goes; write {{port}} there")
    return value


@click.command("cross-check")
@click.option("--strategy", default="direct", help="The strategy of our own server.")
@click.option(
    "--target-command",
    metavar="COMMAND",
    callback=_command,
    help="Check this server instead, as in 'python app.py {port}', on 127.0.0.1.",
)
@endpoint_options("that server")
@one_target_option
@click.option("--users", default=500, type=click.IntRange(1), help="Members that the generator brings.")
@click.option("--observers", default=21, type=OBSERVERS, help="Members that observe, spread over the room.")
@click.option("--witnesses", type=OBSERVERS, hidden=True, help="The old name of --observers.")
@click.option("--room-rate", "rates", default="10,40,100", callback=rates, help="Messages/s, one check each.")
@click.option("--duration", "duration_s", default=5.0, type=ABOVE_0, help="Window, seconds.")
@click.option("--warmup", "warmup_s", default=2.0, type=FROM_0, help="Seconds of load before each window.")
@click.option(
    "--join-rate",
    type=ABOVE_0,
    help="Users that join per second.  [default: as many as join between two observers]",
)
@click.option("--seed", default=1, type=click.IntRange(0), help="Decides the swarm's schedule.")
@click.option("--k6", metavar="PATH", help="Check k6 as well: the path of its binary.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, exists=False, path_type=Path),
    help="A new folder for the comparisons, logs and raw results.  [default: nothing is kept]",
)
@click.pass_context
def cross_check(
    context: click.Context,
    /,
    strategy: str,
    target_command: str | None,
    endpoint: Endpoint,
    target: Target | None,
    users: int,
    observers: int,
    witnesses: int | None,
    rates: tuple[float, ...],
    duration_s: float,
    warmup_s: float,
    join_rate: float | None,
    seed: int,
    k6: str | None,
    out: Path | None,
) -> None:
    """Compare what the swarm reports with what independent members of the same room see.

    The observers are members too, so a message makes USERS + OBSERVERS deliveries. They join from first to last,
    equally far apart in the order of joining: a server that sends in that order, as `direct` does, serves them as it
    serves all. Users join in bursts, one burst between two observers. With 21 observers a percentile may
    still differ by 2.5 % of the time that one message takes to reach the whole room.

    The swarm gives all frames of one read the receive time of the last; observers read frame by frame. Where many
    frames come in one read its figures are brackets, shown where they are wide; 'off by' is the p99 of their width, ms.

    They agree if what the observers see is not further from the bracket, at p50 and at p99, than the larger of 10 % and
    0.5 ms. Exit codes: 0 the swarm and its observers
    agree, 2 wrong use, 3 they do not, or a run failed. k6 gets a server of its own, with observers; its figures are
    shown and do not decide the exit code, as its clock has whole milliseconds.
    """
    if witnesses is not None:
        if context.get_parameter_source("observers") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--witnesses is the old name of --observers; give only --observers")
        observers = witnesses
    if target and target_command:
        raise click.UsageError("--target and --target-command both say which server to check; give one of them")
    if k6 and (endpoint.headers or endpoint.subprotocol or target):
        raise click.UsageError("k6 joins without --header and --subprotocol, and knows no --target; leave out --k6")
    if target and target_url(target, ("", 0)).startswith(TLS_SCHEMES):
        raise click.UsageError("observers join without TLS; give the address of the server behind it (ws://)")
    arm = Arm("cross-check", target.name if target else strategy, target_command, endpoint=endpoint, target=target)
    workload = Workload(
        users=(users,),
        room_rate=rates[0],
        message_size=MESSAGE_SIZE,
        arrival="constant",
        duration_s=duration_s,
        warmup_s=warmup_s,
        drain_s=DRAIN_S,
        join_rate=join_rate or join_spacing(users, observers),
        notice_limit=NO_NOTICES,
    )
    generators: list[Generator] = [SwarmGenerator(), *([K6Generator(k6)] if k6 else [])]
    checks: list[CrossCheck] = []
    failed = False
    with running() as session, ExitStack() as stack:

        def start_server(log: Path) -> Server:
            return server_of(arm, NO_NOTICES, log, session.pinning.server_cores, tell=session.print)

        with session.starting("--target" if target else "--strategy"):
            _try_out(start_server, session.interruption)
        directory = _folder(out, stack)
        runner = CheckRunner(start_server, arm, workload, observers, seed, session.pinning, session.interruption)
        for rate, generator in product(dict.fromkeys(rates), generators):
            name = f"{generator.name}-{rate:g}"
            session.print(f"{name}: {users} users, {observers} observers, {rate:g} messages/s")
            try:
                checks.append(runner.run(generator, rate, directory / name))
            except TrialError as error:
                session.print_failure(name, error)
                failed = True
            if session.is_interrupted:
                break
        server = target.name if target else target_command or strategy
        write_cross_check(
            CrossCheckResult(FORMAT, session.environment(), server, users, observers, tuple(checks)), directory
        )
    if checks:
        answers().print(answer_in_terminal(cross_check_answer(checks)))
    of_swarm = [check for check in checks if check.reported.generator == SwarmGenerator.name]
    exit_with(is_valid=not failed and all(check.agrees for check in of_swarm))


def _try_out(start_server: Callable[[Path], Server], interruption: Interruption) -> None:
    """Start the server once, before there is a folder; raises what `await_ready` does."""
    with tempfile.TemporaryDirectory() as directory, start_server(Path(directory) / "server.log") as server:
        server.await_ready(interruption)


def _folder(out: Path | None, stack: ExitStack) -> Path:
    """Return a new folder; without `out` it is removed with the stack."""
    if out is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory()))
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise click.BadParameter(f"{error}; give a folder that does not exist yet", param_hint="--out") from error
    return out.resolve()
