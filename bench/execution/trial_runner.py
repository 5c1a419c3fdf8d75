"""Runs one trial: starts a fresh server and a swarm, and watches both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.errors import TrialError
from bench.execution.arm_server import Server, server_of
from bench.execution.child_process import how_it_ended
from bench.execution.interruption import Interruption, check_not_interrupted
from bench.execution.live_view import LiveView
from bench.execution.server_process import MAX_MESSAGE_BYTES, NO_CHECKOUTS, ChatServer
from bench.execution.swarm_process import NO_FLAGS, SwarmProcess
from bench.execution.telemetry_reader import TelemetryReader, read_stats
from bench.model.environment import Pinning
from bench.model.plan import Trial, Workload
from bench.model.run import Failure, Run, ServerSample, ServerStats
from loadtest.ledger.result import SwarmResult

SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Extras:
    """What a trial has in addition to its load: flags, and a `look` at the server before each sample."""

    server_flags: Sequence[str] = ()
    swarm_flags: Mapping[str, object] = field(default_factory=lambda: NO_FLAGS)
    look: Callable[[ChatServer, tuple[str, int]], None] | None = None


NO_EXTRAS = Extras()


class TrialRunner:
    """Runs one trial and holds what was recorded so far."""

    def __init__(
        self,
        trial: Trial,
        workload: Workload,
        logs: Path,
        pinning: Pinning,
        interruption: Interruption,
        on_progress: Callable[[int, str], None],
        extras: Extras = NO_EXTRAS,
        checkouts: Mapping[str, Path] = NO_CHECKOUTS,
        *,
        is_live: bool = False,
    ) -> None:
        """Prepare a trial whose logs go to `logs`; `on_progress` is told the number of finished steps.

        If the trial `is_live` it is told the newest figures as well, which the swarm writes every second. `checkouts`
        has the folder of each commit that an arm may be run at.
        """
        self._trial = trial
        self._workload = workload
        self._logs = logs
        self._pinning = pinning
        self._interruption = interruption
        self._on_progress = on_progress
        self._live = LiveView(logs / f"{trial.name}.live.jsonl") if is_live else None
        self._extras = extras
        self._checkouts = checkouts
        self._swarm_result: SwarmResult | None = None
        self._samples: list[ServerSample] = []
        self._telemetry: list[ServerStats] = []
        self._stats_before: ServerStats | None = None
        self._stats_after: ServerStats | None = None
        self._server_ended: str | None = None

    def run(self) -> Run:
        """Run the trial to its end or to its failure; no process of it is left either way."""
        failure: Failure | None = None
        try:
            self._measure()
        except TrialError as error:
            failure = error.failure
        return Run(
            self._trial,
            self._swarm_result,
            self._samples,
            self._stats_before,
            self._stats_after,
            self._server_ended,
            failure,
            self._telemetry,
        )

    def _measure(self) -> None:
        name, workload = self._trial.name, self._workload
        swarm_log = self._logs / f"{name}.swarm.log"
        is_ours = self._trial.arm.is_ours
        with self._server() as server:
            address = server.await_ready(self._interruption)
            if is_ours:
                self._stats_before = read_stats(*address)
            swarm_file = self._logs / f"{name}.swarm.json"
            cores, flags = self._pinning.swarm_cores, dict(self._extras.swarm_flags)
            if self._live:
                flags["--live-out"] = self._live.path
            swarm = SwarmProcess(self._trial, workload, address, swarm_file, swarm_log, cores, flags)
            try:
                with swarm, TelemetryReader(*address) if is_ours else nullcontext() as telemetry:
                    if telemetry:
                        self._telemetry = telemetry.readings
                    self._watch(server, address, swarm)
            finally:  # a swarm that is stopped writes what it measured so far
                self._swarm_result = swarm.result()
            swarm.check_complete()
            if is_ours:
                self._stats_after = read_stats(*address)

    def _server(self) -> Server:
        return server_of(
            self._trial.arm,
            self._workload.notice_limit,
            self._logs / f"{self._trial.name}.server.log",
            self._pinning.server_cores,
            max(MAX_MESSAGE_BYTES, self._workload.message_size),
            self._extras.server_flags,
            self._checkouts,
        )

    def _watch(self, server: Server, address: tuple[str, int], swarm: SwarmProcess) -> None:
        """Sample the server and follow the steps until the swarm ends."""
        limit_s = 60 + 3 * self._workload.trial_seconds()
        deadline = time.monotonic() + limit_s
        while swarm.exit_code() is None:
            self._check_alive(server)
            check_not_interrupted(self._interruption)
            if time.monotonic() > deadline:
                raise TrialError(f"the swarm was not done within {limit_s:.0f} s", swarm.last_lines())
            if self._extras.look and isinstance(server, ChatServer):
                self._extras.look(server, address)
            self._sample(server)
            outcome = swarm.result()
            figures = self._live.text(self._samples, self._telemetry) if self._live else ""
            self._on_progress(len(outcome.steps) if outcome else 0, figures)
            time.sleep(SAMPLE_S)
        self._check_alive(server)

    def _check_alive(self, server: Server) -> None:
        if (code := server.exit_code()) is not None:
            self._server_ended = how_it_ended(code)
            raise TrialError(f"the server {self._server_ended} under load", server.last_lines())

    def _sample(self, server: Server) -> None:
        try:
            self._samples.append(server.sample())
        except psutil.NoSuchProcess:
            return  # it has just ended; the next check of its exit code reports it
