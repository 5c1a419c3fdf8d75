"""What connections cost a server that carry no messages: their memory, their joining, their going."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.connections.crowd import Crowd
from bench.errors import JoinError, TrialError
from bench.execution.child_process import how_it_ended
from bench.execution.interruption import Interruption
from bench.execution.server_process import Target, check_not_interrupted, read_stats
from bench.model.environment import Pinning
from bench.model.run import ServerSample

NOTICE_LIMIT = 200
AT_ONCE = 50
SETTLE_S = 1.0
POLL_S = 0.01
CLEANED_UP_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Connections:
    """What one server's connections cost: bytes resident a connection, CPU a join, seconds until members have gone.

    `joins_per_s` is what the clock saw, members and server together; `complaints` are lines that the server wrote.
    """

    strategy: str
    members: int
    vanished: int
    bytes_a_connection: float
    cpu_us_a_join: float
    joins_per_s: float
    gone_after_s: float
    shutdown_s: float
    complaints: list[str]


def measure(
    strategy: str, members: int, vanishing: int, logs: Path, pinning: Pinning, interruption: Interruption
) -> Connections:
    """Have a crowd join a fresh server, part of it vanish and come again, and stop the server with all of them in.

    Raises:
        TrialError: the server did not start, let a member not in, or did not end well; or the user interrupted.

    """
    server = Target(strategy, NOTICE_LIMIT, logs / f"{strategy}.log", pinning.server_cores)
    with server:
        address = server.await_ready(interruption)
        with Crowd(address) as crowd:
            before, began_s = _sample(server), time.monotonic()
            _join(crowd, members, server, interruption)
            joining_s = time.monotonic() - began_s
            time.sleep(SETTLE_S)
            after = _sample(server)
            _see(members, address, server, interruption)
            began_s = time.monotonic()
            crowd.vanish(vanishing)
            _see(members - vanishing, address, server, interruption)
            gone_after_s = time.monotonic() - began_s
            _join(crowd, vanishing, server, interruption)
            began_s = time.monotonic()
            server.stop()
            shutdown_s = time.monotonic() - began_s
    if (code := server.exit_code()) != 0:
        raise TrialError(f"asked to end, the server {how_it_ended(code or 0)}", server.last_lines())
    return Connections(
        strategy=strategy,
        members=members,
        vanished=vanishing,
        bytes_a_connection=(after.rss_bytes - before.rss_bytes) / members,
        cpu_us_a_join=(after.cpu_s - before.cpu_s) * 1e6 / members,
        joins_per_s=members / joining_s,
        gone_after_s=gone_after_s,
        shutdown_s=shutdown_s,
        complaints=server.output().splitlines()[1:],
    )


def _join(crowd: Crowd, count: int, server: Target, interruption: Interruption) -> None:
    """Have `count` more members join, `AT_ONCE` at a time."""
    for left in range(count, 0, -AT_ONCE):
        check_not_interrupted(interruption)
        try:
            crowd.join(min(left, AT_ONCE))
        except JoinError as error:
            raise TrialError(str(error), server.last_lines()) from error


def _sample(server: Target) -> ServerSample:
    try:
        return server.sample()
    except psutil.NoSuchProcess as error:
        raise TrialError("the server ended while members joined", server.last_lines()) from error


def _see(members: int, address: tuple[str, int], server: Target, interruption: Interruption) -> None:
    """Wait until the server itself counts `members` members."""
    limit = time.monotonic() + CLEANED_UP_WITHIN_S
    while (seen := read_stats(*address).members) != members:
        check_not_interrupted(interruption)
        if time.monotonic() > limit:
            what = f"after {CLEANED_UP_WITHIN_S:g} s the server counts {seen:,} members, not {members:,}"
            raise TrialError(what, server.last_lines())
        time.sleep(POLL_S)
