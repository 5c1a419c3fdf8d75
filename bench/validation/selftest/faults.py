"""Injections: servers that lose, repeat or swap exactly 1 delivery in 1,000."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from bench.execution.server_process import Listener
from bench.execution.swarm_process import Swarm
from bench.model.plan import Workload
from bench.validation.selftest.harness import Rig
from bench.validation.selftest.results import Row, exactly

EVERY = 1000
WORKLOAD = Workload(
    users=(20,),
    room_rate=500,
    message_size=64,
    arrival="constant",
    duration_s=2,
    warmup_s=0,  # the server counts from the first message on, and so does the window
    drain_s=2,
    join_rate=500,
    notice_limit=0,
)
DELIVERIES = int(WORKLOAD.room_rate * WORKLOAD.duration_s) * WORKLOAD.users[0]
EFFECTS = {"lose": "missing", "repeat": "duplicates", "swap": "reordered"}
FIGURES = ("missing", "late", "duplicates", "reordered", "foreign", "not_judged")


@dataclass(frozen=True, slots=True)
class Experiment:
    """A server with a fault and the swarm that is to find it."""

    fault: str
    server: Listener
    swarm: Swarm


def run(rig: Rig) -> list[Row]:
    """Run a server and a swarm a fault, all at once: counts are exact however busy the machine is."""
    with ExitStack() as stack:
        experiments = [_start(rig, fault, stack) for fault in EFFECTS]
        return [row for experiment in experiments for row in _rows(rig, experiment)]


def _start(rig: Rig, fault: str, stack: ExitStack) -> Experiment:
    server = stack.enter_context(rig.part(fault, "faulty_server", "--fault", fault, "--every", str(EVERY)))
    swarm = stack.enter_context(rig.swarm(fault, WORKLOAD, server.await_ready(rig.interruption)))
    return Experiment(fault, server, swarm)


def _rows(rig: Rig, experiment: Experiment) -> list[Row]:
    step = rig.step(experiment.swarm, WORKLOAD, experiment.server)
    injected = f"{experiment.fault} 1 in {EVERY:,}"
    effect = EFFECTS[experiment.fault]
    wrong = sum(getattr(step, figure) for figure in FIGURES if figure != effect)
    return [
        exactly(injected, "deliveries owed", DELIVERIES, step.expected),
        exactly(injected, effect, step.expected // EVERY, getattr(step, effect)),
        exactly(injected, "anything else wrong", 0, wrong),
    ]
