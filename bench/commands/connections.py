"""The subcommand `connections`: what idle connections cost, and how fast many join and leave."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import click

from bench.commands.options import new_folder
from bench.commands.server_options import peer_options
from bench.commands.session import answers, exit_with, running
from bench.commands.strategies import own_strategies, strategies_option
from bench.connections.measurement import NOTICE_LIMIT, Connections, measure
from bench.connections.stored import FORMAT, ConnectionsResult, write_connections
from bench.errors import TrialError
from bench.execution.arm_server import probe
from bench.model.plan import Arm
from bench.presentation.connections_answer import connections_table
from bench.presentation.terminal import table_in_terminal
from bench.storage.files import make_folder
from loadtest.client.descriptors import all_granted

OWN_FILES = 64


@click.command
@strategies_option("Which to measure.")
@peer_options
@click.option("--members", default=5_000, type=click.IntRange(1, 20_000), help="Members that join.")
@click.option("--vanish", default=1_000, type=click.IntRange(1), help="How many of them vanish at once.")
@new_folder
def connections(strategies: list[str], peers: list[Arm], members: int, vanish: int, out: Path | None) -> None:
    """Measure what idle connections cost a server.

    Silent members join a fresh server of each strategy, and of each peer; some vanish without a close frame and join
    again; then the server is stopped with all of them connected, none of whom answers its close frame. Of a peer,
    members are gone once it has closed their descriptors. Exit codes: 0 done, 2 wrong use, 3 a server failed.
    """
    if vanish > members:
        raise click.BadParameter(f"{vanish:,} cannot vanish of {members:,}; let fewer vanish", param_hint="--vanish")
    if running_already := [peer.label for peer in peers if peer.target and peer.target.running]:
        raise click.BadParameter(
            f"{running_already[0]!r} runs already, and is to be started and stopped here; give it a [start]",
            param_hint="--target",
        )
    if encrypted := [peer.label for peer in peers if peer.target and peer.target.start and peer.target.start.tls]:
        raise click.BadParameter(
            f"{encrypted[0]!r} speaks TLS, and idle members join without; leave it out", param_hint="--target"
        )
    arms = [
        *(Arm(name, name) for name in own_strategies(list(dict.fromkeys(strategies)), peers)),
        *peers,
    ]
    measured: list[Connections] = []
    with running(members) as session, all_granted(), tempfile.TemporaryDirectory() as logs:
        environment = session.environment()  # before this process is pinned
        if session.pinning.swarm_cores:
            os.sched_setaffinity(0, session.pinning.swarm_cores)
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if members + OWN_FILES > allowed:
            raise click.BadParameter(
                f"{members:,} members need as many open files, and {allowed:,} are allowed; raise `ulimit -n`",
                param_hint="--members",
            )
        with session.starting():
            probe(arms, NOTICE_LIMIT, session.interruption, tell=session.print)
            if out:
                make_folder(out)
        for arm in arms:
            session.print(f"{arm.label}: {members:,} members")
            try:
                measured.append(measure(arm, members, vanish, Path(logs), session.pinning, session.interruption))
            except TrialError as error:
                session.print_failure(arm.label, error)
            if session.is_interrupted:
                break
        if out:
            with session.writing("nothing was stored; choose another --out"):
                write_connections(ConnectionsResult(FORMAT, environment, tuple(measured)), out)
    if measured:
        answers().print(table_in_terminal(connections_table(measured)))
    for one in measured:
        if one.log_lines:
            session.print(
                f"{one.strategy}: the server wrote {len(one.log_lines):,} lines, the first: {one.log_lines[0]}"
            )
    exit_with(is_valid=len(measured) == len(arms))
