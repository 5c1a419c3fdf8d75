"""The Locust swarm as a process: its command line, and its result."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import loadtest
from bench.errors import TrialError
from bench.execution.child_process import Child, how_it_ended
from bench.execution.ports import free_port
from bench.model.plan import Arm, Trial, Workload
from bench.model.target import Target
from bench.storage.target_file import located
from loadtest.ledger import result
from loadtest.ledger.result import SwarmResult

LOCUSTFILE = Path(loadtest.__file__).with_name("locustfile.py")
NO_FLAGS: Mapping[str, object] = MappingProxyType({})
END_S = 10  # in addition to the drain
EXIT_CODES_WITH_RESULT = (0, 1)  # 1: something is missing, invalid or not measured; the result file says what


class SwarmProcess(Child):
    """A swarm that sweeps all user counts of a workload and rewrites `result_file` after each."""

    def __init__(
        self,
        trial: Trial,
        workload: Workload,
        address: tuple[str, int],
        result_file: Path,
        log: Path,
        cores: Sequence[int] = (),
        more_flags: Mapping[str, object] = NO_FLAGS,
        *,
        rehearses: bool = True,
    ) -> None:
        """Start a swarm; `more_flags` override those of the workload, `None` removes one, `True` has no value.

        It `rehearses` with two members first if the server is not our own, which is known to pass messages on.
        """
        host, port = address
        flags: dict[str, object] = {
            "--host": target_url(trial.arm.target, address) if trial.arm.target else f"ws://{host}:{port}",
            "--steps": ",".join(map(str, workload.users)),
            "--dwell": workload.duration_s,
            "--warmup": workload.warmup_s,
            "--drain": workload.drain_s,
            "-r": workload.join_rate,
            "--rooms": workload.rooms if workload.rooms > 1 else None,
            "--room-rate": workload.room_rate,
            "--message-size": workload.message_size,
            "--arrival": workload.arrival,
            "--seed": trial.seed,
            "--swarm-out": result_file,
        }
        if workload.swarm_workers > 1:
            port = free_port()
            flags |= {"--processes": workload.swarm_workers, "--master-bind-port": port, "--master-port": port}
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
        flags |= more_flags
        words = [
            str(word)
            for flag, value in flags.items()
            if value is not None
            for word in ([flag] if value is True else [flag, value])
        ]
        words += _endpoint_flags(trial.arm)
        if trial.arm.is_ours or not rehearses:
            words.append("--no-rehearsal")
        super().__init__(command + words, log, cores, grace_s=END_S + workload.drain_s)
        self._result_file = result_file
        self._users = workload.users
        self._seen: tuple[int, int] | None = None
        self._result: SwarmResult | None = None

    def result(self) -> SwarmResult | None:
        """Read what is measured so far, or `None` before the first step is done.

        Raises:
            TrialError: the file is not a swarm result.

        """
        try:
            stat = self._result_file.stat()
            if (stat.st_ino, stat.st_mtime_ns) != self._seen:
                self._result = result.read(self._result_file)
                self._seen = stat.st_ino, stat.st_mtime_ns
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise TrialError(f"the swarm's result cannot be read: {error}", self.last_lines()) from error
        return self._result

    def check_complete(self) -> None:
        """Check that a swarm that ended by itself accounts for every user count.

        Raises:
            TrialError: it crashed, left no result, refused the server, or left user counts out without a reason.

        """
        code = self.exit_code()
        if code is not None and code not in EXIT_CODES_WITH_RESULT:
            raise TrialError(f"the swarm {how_it_ended(code)}", self.last_lines())
        outcome = self.result()
        if outcome is None:
            raise TrialError("the swarm ended without a result", self.last_lines())
        if outcome.refused:
            raise TrialError("; ".join(outcome.problems))
        told = {step.users for step in outcome.steps} | set(outcome.not_measured)
        if silent := [str(users) for users in self._users if users not in told]:
            raise TrialError(f"the swarm ended before the step of {', '.join(silent)} users", self.last_lines())


def target_url(target: Target, address: tuple[str, int]) -> str:
    """Return the address that users of a target join at; `address` is where it listens, if it was started here."""
    if target.running:
        return target.running.address
    host, port = address
    return f"{'wss' if target.start and target.start.tls else 'ws'}://{host}:{port}"


def _endpoint_flags(arm: Arm) -> list[str]:
    """Return the flags that say how to join a peer."""
    if arm.target is not None:
        return ["--protocol", str(located(arm.target.file))]
    if arm.command is None:
        return []
    endpoint = arm.endpoint
    flags = ["--url-path", endpoint.url_path, *(word for header in endpoint.headers for word in ("--header", header))]
    if endpoint.subprotocol:
        flags += ["--subprotocol", endpoint.subprotocol]
    return flags if endpoint.has_echo else [*flags, "--no-echo"]
