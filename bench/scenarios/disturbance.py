"""Disturbs a server during a run: freezes it, or kills and restarts it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.errors import TrialError
from bench.execution.freeze import freeze
from bench.execution.interruption import Interruption, check_not_interrupted
from bench.execution.server_process import ChatServer
from bench.execution.telemetry_reader import read_stats
from bench.scenarios.conditions import Conditions
from loadtest.ledger.result import Step


@dataclass(frozen=True, slots=True)
class Disturbance:
    """When a disturbance began and ended, CLOCK_REALTIME nanoseconds."""

    start_ns: int
    end_ns: int


def planned_disturbance(conditions: Conditions, step: Step) -> Disturbance | None:
    """Return when the swarm's own disturbance was: burst, flood, or from disconnect to the last rejoin's start."""
    if conditions.burst_factor != 1:
        start_s, length_s = conditions.burst_at_s, conditions.burst_for_s
    elif conditions.flood:
        start_s, length_s = conditions.flood_at_s, 0.0
    elif conditions.reconnect_at_s:
        start_s, length_s = conditions.reconnect_at_s, conditions.reconnect_jitter_s
    else:
        return None
    start_ns = step.window_start_ns + int(start_s * 1e9)
    return Disturbance(start_ns, start_ns + int(length_s * 1e9))


class Disturber:
    """Disturbs one trial's server when it is due; `disturbance` is `None` until the disturbance is over."""

    def __init__(self, conditions: Conditions, log: Path, interruption: Interruption) -> None:
        """Prepare; `log` takes the output of the restarted server."""
        self._conditions = conditions
        self._log = log
        self._interruption = interruption
        self._due_s: float | None = None
        self.disturbance: Disturbance | None = None

    def disturb_if_due(self, server: ChatServer, address: tuple[str, int]) -> None:
        """Disturb the server if it is time to, and return when that is over; call this several times a second.

        Raises:
            TrialError: the server could not be disturbed, or did not restart.

        """
        conditions = self._conditions
        at_s = conditions.freeze_at_s or conditions.kill_at_s
        if not at_s or self.disturbance:
            return
        if self._due_s is None:
            if read_stats(*address).messages_in:  # the warm-up has just begun
                self._due_s = time.monotonic() + conditions.warmup_s + at_s
        elif time.monotonic() >= self._due_s:
            self.disturbance = self._freeze(server) if conditions.freeze_at_s else self._restart(server, address)

    def _freeze(self, server: ChatServer) -> Disturbance:
        try:
            frozen = freeze(server.pid, self._conditions.freeze_for_s, self._interruption.sleep)
        except (psutil.NoSuchProcess, TimeoutError) as error:
            raise TrialError(f"the server could not be frozen: {error}", server.last_lines()) from error
        check_not_interrupted(self._interruption)
        return Disturbance(frozen.before_stop_ns, frozen.after_wake_ns)

    def _restart(self, server: ChatServer, address: tuple[str, int]) -> Disturbance:
        start_ns = time.time_ns()
        server.kill()
        self._interruption.sleep(self._conditions.down_for_s)
        check_not_interrupted(self._interruption)
        server.start_again(address, self._log)
        server.await_ready(self._interruption)
        return Disturbance(start_ns, time.time_ns())
