"""The harness of all injections: starts the processes of an experiment and waits for them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import TrialError
from bench.execution.child_process import Child, how_it_ended
from bench.execution.interruption import Interruption, check_not_interrupted
from bench.execution.server_process import ChatServer, ListeningProcess
from bench.execution.swarm_process import SwarmProcess
from bench.model.environment import Pinning
from bench.model.plan import Arm, Trial, Workload
from loadtest.ledger.result import Step

STRATEGY = "direct"
SEED = 1
POLL_S = 0.02


def steady(users: int) -> Workload:
    """Return the load under which timed faults are injected: 200 evenly spaced messages/s for 10 s."""
    return Workload(
        users=(users,),
        room_rate=200,
        message_size=64,
        arrival="constant",
        duration_s=10,
        warmup_s=1,
        drain_s=5,
        join_rate=500,
        notice_limit=0,
    )


@dataclass(frozen=True, slots=True)
class Harness:
    """What all experiments share: a folder for logs, the cores to use, and whether the user has interrupted."""

    logs: Path
    pinning: Pinning
    interruption: Interruption

    def server(self, name: str, workload: Workload) -> ChatServer:
        """Start this project's server."""
        return ChatServer(STRATEGY, workload.notice_limit, self.logs / f"{name}.server.log", self.pinning.server_cores)

    def program(self, name: str, module: str, *flags: str) -> ListeningProcess:
        """Start one of the self-test's own programs, not pinned to any core."""
        command = [sys.executable, "-m", f"bench.validation.{module}", *flags]
        return ListeningProcess(command, self.logs / f"{name}.{module.rpartition('.')[2]}.log")

    def swarm(self, name: str, workload: Workload, address: tuple[str, int]) -> SwarmProcess:
        """Start a swarm of one user count."""
        trial = Trial(1, Arm(name, STRATEGY), SEED)
        out, log = self.logs / f"{name}.swarm.json", self.logs / f"{name}.swarm.log"
        return SwarmProcess(trial, workload, address, out, log, self.pinning.swarm_cores)

    def await_step(self, swarm: SwarmProcess, workload: Workload, *needed: Child) -> Step:
        """Wait until a swarm has ended and return what it measured.

        Raises:
            TrialError: the swarm took too long, failed or measured nothing, or as in `wait_until`.

        """
        limit_s = 60 + 3 * workload.trial_seconds()
        self.wait_until(lambda: swarm.exit_code() is not None, limit_s, "the swarm to end", *needed)
        swarm.check_complete()
        result = swarm.result()
        if result is None or not result.steps:
            raise TrialError("the swarm measured nothing", swarm.last_lines())
        return result.steps[0]

    def pause(self, seconds: float, *needed: Child) -> None:
        """Let time pass.

        Raises:
            TrialError: as in `wait_until`.

        """
        end = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() >= end, seconds + 1, "time to pass", *needed)

    def wait_until(self, is_met: Callable[[], bool], limit_s: float, what: str, *needed: Child) -> None:
        """Wait until a condition is met, while all `needed` processes run.

        Raises:
            TrialError: it was not met within `limit_s` seconds, one of `needed` ended, or the user interrupted.

        """
        deadline = time.monotonic() + limit_s
        while True:
            check_not_interrupted(self.interruption)
            for child in needed:
                if (code := child.exit_code()) is not None:
                    raise TrialError(f"a process of the experiment {how_it_ended(code)} too early", child.last_lines())
            if is_met():
                return
            if time.monotonic() > deadline:
                raise TrialError(f"waited {limit_s:.0f} s for {what}")
            time.sleep(POLL_S)
