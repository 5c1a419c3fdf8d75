"""Injection: a relay delays every byte from the server to its clients."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from bench.errors import TrialError
from bench.execution.server_process import ChatServer, ListeningProcess
from bench.execution.swarm_process import SwarmProcess
from bench.validation.selftest.harness import Harness, steady
from bench.validation.selftest.results import Result, exact_count, validity

HOLD_MS = 20
WORKLOAD = steady(users=5)
ALLOWED_MS = 1.5
"""The relay's timers are late by the kernel's slack (0.05 ms), the wake-up, and the time to write a message's earlier
frames (0.2 ms). The p99 of 2,000 messages varies by about 1 ms from run to run where nothing else runs."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A server, the relay in front of it, and the swarm that connects through the relay."""

    server: ChatServer
    relay: ListeningProcess
    swarm: SwarmProcess


def run(harness: Harness) -> list[Result]:
    """Measure two servers at once, one through a relay that does not hold bytes and one through a relay that does.

    So whatever else happens on the machine affects both.
    """
    with ExitStack() as stack:
        at_once, held = [_start(harness, hold_ms, stack) for hold_ms in (0, HOLD_MS)]
        before, after = (harness.await_step(each.swarm, WORKLOAD, each.server, each.relay) for each in (at_once, held))
    injected = f"relay holds all {HOLD_MS} ms"
    return [
        _moved(injected, "p50", before.latency_ms.p50, after.latency_ms.p50),
        _moved(injected, "p99", before.latency_ms.p99, after.latency_ms.p99),
        exact_count(injected, "missing", 0, before.missing + after.missing),
        validity(injected, before, after),
    ]


def _start(harness: Harness, hold_ms: int, stack: ExitStack) -> Experiment:
    name = f"hold{hold_ms}"
    server = stack.enter_context(harness.server(name, WORKLOAD))
    _, port = server.await_ready(harness.interruption)
    relay = stack.enter_context(harness.program(name, "selftest.relay", "--to", str(port), "--hold-ms", str(hold_ms)))
    swarm = stack.enter_context(harness.swarm(name, WORKLOAD, relay.await_ready(harness.interruption)))
    return Experiment(server, relay, swarm)


def _moved(injected: str, name: str, before_ms: float | None, after_ms: float | None) -> Result:
    if before_ms is None or after_ms is None:
        raise TrialError(f"{name} falls among missing deliveries; use an otherwise idle machine")
    moved_ms = after_ms - before_ms
    return Result(
        injected,
        f"{name} moves by",
        f"{HOLD_MS} +- {ALLOWED_MS:g} ms",
        f"{moved_ms:.2f} ms (from {before_ms:.2f})",
        abs(moved_ms - HOLD_MS) <= ALLOWED_MS,
    )
