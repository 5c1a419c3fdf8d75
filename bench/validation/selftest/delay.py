"""Injection: a relay holds every byte from the server to its clients for some time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from bench.errors import TrialError
from bench.execution.server_process import Listener, Target
from bench.execution.swarm_process import Swarm
from bench.validation.selftest.harness import Rig, steady
from bench.validation.selftest.results import Row, believable, exactly

HOLD_MS = 20
WORKLOAD = steady(users=5)
ALLOWED_MS = 1.5
"""A timer of the relay is late by the kernel's slack (0.05 ms), its wake-up, and the frames of a message that it writes
before (0.2 ms); and p99 of 2,000 messages is the same from run to run within about 1 ms where nothing else runs."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A server, the relay before it, and the swarm that comes through the relay."""

    server: Target
    relay: Listener
    swarm: Swarm


def run(rig: Rig) -> list[Row]:
    """Measure a server through a relay that holds nothing and one through a relay that holds, both at the same time.

    So whatever else happens on the machine meanwhile happens to both.
    """
    with ExitStack() as stack:
        at_once, held = [_start(rig, hold_ms, stack) for hold_ms in (0, HOLD_MS)]
        before, after = (rig.step(each.swarm, WORKLOAD, each.server, each.relay) for each in (at_once, held))
    injected = f"relay holds all {HOLD_MS} ms"
    return [
        _moved(injected, "p50", before.latency_ms.p50, after.latency_ms.p50),
        _moved(injected, "p99", before.latency_ms.p99, after.latency_ms.p99),
        exactly(injected, "missing", 0, before.missing + after.missing),
        believable(injected, before, after),
    ]


def _start(rig: Rig, hold_ms: int, stack: ExitStack) -> Experiment:
    name = f"hold{hold_ms}"
    server = stack.enter_context(rig.server(name, WORKLOAD))
    _, port = server.await_ready(rig.interruption)
    relay = stack.enter_context(rig.part(name, "selftest.relay", "--to", str(port), "--hold-ms", str(hold_ms)))
    swarm = stack.enter_context(rig.swarm(name, WORKLOAD, relay.await_ready(rig.interruption)))
    return Experiment(server, relay, swarm)


def _moved(injected: str, name: str, before_ms: float | None, after_ms: float | None) -> Row:
    if before_ms is None or after_ms is None:
        raise TrialError(f"{name} falls among deliveries that never came; run it where nothing else runs")
    moved_ms = after_ms - before_ms
    return Row(
        injected,
        f"{name} moves by",
        f"{HOLD_MS} +- {ALLOWED_MS:g} ms",
        f"{moved_ms:.2f} ms (from {before_ms:.2f})",
        abs(moved_ms - HOLD_MS) <= ALLOWED_MS,
    )
