"""Runs cross-checks: one server, one generator, and observers in the same room."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.errors import TrialError
from bench.execution.arm_server import Server
from bench.execution.child_process import Child, how_it_ended
from bench.execution.interruption import Interruption, check_not_interrupted
from bench.model.environment import Pinning
from bench.model.plan import Arm, Workload
from bench.storage.target_file import located
from bench.validation.cross_check.agreement import CrossCheck, compare
from bench.validation.cross_check.generators import Generator, Load
from bench.validation.cross_check.observation import FILE, Observation

POLL_S = 0.1


class ObserverProcess(Child):
    """The observers of a room, in a process of their own."""

    def __init__(self, load: Load, observers: int) -> None:
        host, port = load.address
        self._file = load.directory / FILE
        target = load.target.target
        flags = {
            "--host": host,
            "--port": port,
            **({"--target": located(target.file)} if target else {"--url-path": load.target.endpoint.url_path}),
            "--subprotocol": load.target.endpoint.subprotocol,
            "--users": load.users,
            "--observers": observers,
            "--out": self._file,
        }
        command = [
            sys.executable,
            "-m",
            "bench.validation.cross_check",
            *(str(word) for flag in flags.items() for word in flag),
            *(word for header in load.target.endpoint.headers for word in ("--header", header)),
        ]
        super().__init__(command, load.directory / "observers.log", load.cores)

    def check_alive(self) -> None:
        """Check that the observers are still running.

        Raises:
            TrialError: they have ended.

        """
        if (code := self.exit_code()) is not None:
            raise TrialError(f"the observers' process {how_it_ended(code)}", self.last_lines())

    def finish(self) -> Observation:
        """Stop the observers and return what they saw.

        Raises:
            TrialError: they had ended before, or lost their connections at the last moment.

        """
        self.check_alive()
        self.stop()
        if code := self.exit_code():
            raise TrialError(f"the observers' process {how_it_ended(code)}", self.last_lines())
        return Observation.load(self._file)


@dataclass(frozen=True, slots=True)
class CheckRunner:
    """What all cross-checks of one command share; `workload.users` is one count, its rate is replaced in each run."""

    start_server: Callable[[Path], Server]
    target: Arm
    workload: Workload
    observers: int
    seed: int
    pinning: Pinning
    interruption: Interruption

    def run(self, generator: Generator, room_rate: float, directory: Path) -> CrossCheck:
        """Run a generator and the observers against a fresh server; logs and raw results stay in `directory`.

        Raises:
            TrialError: a process failed, or the user interrupted.

        """
        directory.mkdir(parents=True)
        with self.start_server(directory / "server.log") as server:
            address = server.await_ready(self.interruption)
            workload = msgspec.structs.replace(self.workload, room_rate=room_rate)
            load = Load(self.target, workload, self.seed, address, directory, self.pinning.swarm_cores)
            with ObserverProcess(load, self.observers) as observers:
                with generator.start(load) as process:
                    self._await_end(generator.name, process, server, observers)
                result = generator.read_result(process, load)
                observation = observers.finish()
        return compare(result, observation, load.users, self.observers, room_rate)

    def _await_end(self, name: str, process: Child, server: Server, observers: ObserverProcess) -> None:
        """Wait until the generator has ended by itself."""
        limit_s = 60 + 3 * self.workload.trial_seconds()
        deadline = time.monotonic() + limit_s
        while process.exit_code() is None:
            if (code := server.exit_code()) is not None:
                raise TrialError(f"the server {how_it_ended(code)} under load", server.last_lines())
            observers.check_alive()
            check_not_interrupted(self.interruption)
            if time.monotonic() > deadline:
                raise TrialError(f"{name} did not end within {limit_s:.0f} s", process.last_lines())
            time.sleep(POLL_S)
