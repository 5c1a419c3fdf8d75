"""Injections: servers that lose, repeat, swap, truncate or alter exactly 1 delivery in 1,000."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from bench.execution.server_process import ListeningProcess
from bench.execution.swarm_process import SwarmProcess
from bench.model.plan import Workload
from bench.validation.selftest.harness import Harness
from bench.validation.selftest.results import Result, exact_count

EVERY = 1000
WORKLOAD = Workload(
    users=(20,),
    room_rate=500,
    message_size=64,
    arrival="constant",
    duration_s=2,
    warmup_s=0,  # so that the server's count and the window begin with the same message
    drain_s=2,
    join_rate=500,
    notice_limit=0,
)
DELIVERIES = int(WORKLOAD.room_rate * WORKLOAD.duration_s) * WORKLOAD.users[0]
EFFECTS = {
    "lose": ("missing",),
    "repeat": ("duplicates",),
    "swap": ("reordered",),
    "truncate": ("corrupted", "missing"),
    "alter": ("corrupted", "missing"),
}
FIGURES = ("missing", "late", "corrupted", "duplicates", "reordered", "foreign", "not_judged")


@dataclass(frozen=True, slots=True)
class Experiment:
    """A server with a fault and the swarm that is to find it."""

    fault: str
    server: ListeningProcess
    swarm: SwarmProcess


def run(harness: Harness) -> list[Result]:
    """Run one server and one swarm per fault, all at once: counts are exact however busy the machine is."""
    with ExitStack() as stack:
        experiments = [_start(harness, fault, stack) for fault in EFFECTS]
        return [result for experiment in experiments for result in _results(harness, experiment)]


def _start(harness: Harness, fault: str, stack: ExitStack) -> Experiment:
    server = stack.enter_context(harness.program(fault, "faulty_server", "--fault", fault, "--every", str(EVERY)))
    swarm = stack.enter_context(harness.swarm(fault, WORKLOAD, server.await_ready(harness.interruption)))
    return Experiment(fault, server, swarm)


def _results(harness: Harness, experiment: Experiment) -> list[Result]:
    step = harness.await_step(experiment.swarm, WORKLOAD, experiment.server)
    injected = f"{experiment.fault} 1 in {EVERY:,}"
    effects = EFFECTS[experiment.fault]
    wrong = sum(getattr(step, figure) for figure in FIGURES if figure not in effects)
    return [
        exact_count(injected, "deliveries expected", DELIVERIES, step.expected),
        *(exact_count(injected, effect, step.expected // EVERY, getattr(step, effect)) for effect in effects),
        exact_count(injected, "anything else wrong", 0, wrong),
    ]
