"""Measures the cost of idle connections to a server: memory, joins and disconnects."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.connections.crowd import Crowd
from bench.errors import JoinError, TrialError
from bench.execution.arm_server import server_of
from bench.execution.child_process import how_it_ended
from bench.execution.interruption import Interruption, check_not_interrupted
from bench.execution.join_procedure import JoinProcedure
from bench.execution.process_tree import ProcessTree
from bench.execution.server_process import ChatServer, ListeningProcess
from bench.execution.telemetry_reader import read_stats
from bench.model.environment import Pinning
from bench.model.plan import Arm
from bench.model.run import ServerSample

NOTICE_LIMIT = 200
JOINS_AT_ONCE = 50
SETTLE_S = 1.0
POLL_S = 0.01
MAX_CLEANUP_S = 30.0


@dataclass(frozen=True, slots=True)
class Connections:
    """The cost of one server's connections: resident bytes per connection, CPU time per join, cleanup in seconds.

    `cleanup_s` is the time until the server no longer counts the `vanished` members, or, for a peer, until it has
    closed their sockets; `joins_per_s` is the wall-clock rate (members and server together). `log_lines` are the lines
    that the server wrote after its ready line.
    """

    strategy: str
    members: int
    vanished: int
    bytes_per_connection: float
    cpu_us_per_join: float
    joins_per_s: float
    cleanup_s: float
    shutdown_s: float
    log_lines: list[str]


def measure(
    arm: Arm, members: int, vanishing: int, logs: Path, pinning: Pinning, interruption: Interruption
) -> Connections:
    """Join a crowd to a fresh server, let `vanishing` members vanish and rejoin, and stop the server while all are in.

    Raises:
        TrialError: the server did not start, refused a member, or failed at the end; or the user interrupted.

    """
    try:
        procedure = JoinProcedure.of(arm)
    except JoinError as error:
        raise TrialError(str(error)) from error
    server = _server(arm, logs / f"{arm.label}.log", pinning.server_cores)
    with server:
        address = server.await_ready(interruption)
        count = _counting(server, address)
        with Crowd(address, procedure) as crowd:
            before, began_s = _sample(server), time.monotonic()
            _join(crowd, members, server, interruption)
            joining_s = time.monotonic() - began_s
            time.sleep(SETTLE_S)
            after = _sample(server)
            _await(lambda: count() >= members, "does not have all members", server, interruption)
            most = count()
            began_s = time.monotonic()
            crowd.vanish(vanishing)
            _await(lambda: count() <= most - vanishing, "still has members that vanished", server, interruption)
            cleanup_s = time.monotonic() - began_s
            _join(crowd, vanishing, server, interruption)
            began_s = time.monotonic()
            server.stop()
            shutdown_s = time.monotonic() - began_s
    if (code := server.exit_code()) != 0 and arm.is_ours:
        raise TrialError(f"when stopped, the server {how_it_ended(code or 0)}", server.last_lines())
    return Connections(
        strategy=arm.label,
        members=members,
        vanished=vanishing,
        bytes_per_connection=(after.rss_bytes - before.rss_bytes) / members,
        cpu_us_per_join=(after.cpu_s - before.cpu_s) * 1e6 / members,
        joins_per_s=members / joining_s,
        cleanup_s=cleanup_s,
        shutdown_s=shutdown_s,
        log_lines=server.output().replace(str(Path.home()), "~").splitlines()[1 if arm.is_ours else 0 :],
    )


def _server(arm: Arm, log: Path, cores: tuple[int, ...]) -> ListeningProcess:
    server = server_of(arm, NOTICE_LIMIT, log, cores)
    assert isinstance(server, ListeningProcess)  # the command takes no targets that run already
    return server


def _counting(server: ListeningProcess, address: tuple[str, int]) -> Callable[[], int]:
    """Return what counts the members of a server: our own says it, of a peer they are its new descriptors."""
    if isinstance(server, ChatServer):
        return lambda: read_stats(*address).members
    tree = ProcessTree(server.pid)
    before = tree.descriptors()
    return lambda: tree.descriptors() - before


def _join(crowd: Crowd, count: int, server: ListeningProcess, interruption: Interruption) -> None:
    """Join `count` more members, `JOINS_AT_ONCE` at a time."""
    for left in range(count, 0, -JOINS_AT_ONCE):
        check_not_interrupted(interruption)
        try:
            crowd.join(min(left, JOINS_AT_ONCE))
        except JoinError as error:
            raise TrialError(str(error), server.last_lines()) from error


def _sample(server: ListeningProcess) -> ServerSample:
    try:
        return server.sample()
    except psutil.NoSuchProcess as error:
        raise TrialError("the server ended while members joined", server.last_lines()) from error


def _await(condition: Callable[[], bool], problem: str, server: ListeningProcess, interruption: Interruption) -> None:
    """Wait until the server has noticed who joined, or who vanished."""
    deadline = time.monotonic() + MAX_CLEANUP_S
    while not condition():
        check_not_interrupted(interruption)
        if time.monotonic() > deadline:
            raise TrialError(f"after {MAX_CLEANUP_S:g} s the server {problem}", server.last_lines())
        time.sleep(POLL_S)
