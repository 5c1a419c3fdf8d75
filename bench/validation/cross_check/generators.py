"""The load generators that can be cross-checked: the swarm, and k6."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from bench.errors import TrialError
from bench.execution.child_process import Child, how_it_ended
from bench.execution.swarm_process import SwarmProcess
from bench.model.plan import Arm, Trial, Workload
from bench.validation.cross_check.agreement import Figures, GeneratorResult, Window

K6_SCRIPT = Path(__file__).with_name("k6_chat.js")
K6_CLOCK_MS = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """One rate in a room of one size of a target; files go to `directory`, processes to `cores`."""

    target: Arm
    workload: Workload
    seed: int
    address: tuple[str, int]
    directory: Path
    cores: tuple[int, ...]

    @property
    def users(self) -> int:
        """How many users the generator brings."""
        return self.workload.users[0]


class Generator(Protocol):
    """A generator's process; it ends by itself."""

    name: str

    def start(self, load: Load) -> Child:
        """Start it under a load."""

    def read_result(self, process: Child, load: Load) -> GeneratorResult:
        """Read what it reports, once it has ended.

        Raises:
            TrialError: it failed.

        """


class SwarmGenerator:
    """The swarm of this project."""

    name = "swarm"

    def start(self, load: Load) -> SwarmProcess:
        """Start it under a load."""
        trial = Trial(1, load.target, load.seed)
        out, log = load.directory / "swarm.json", load.directory / "swarm.log"
        # Observers join by how many others are there, and two members that rehearse would count.
        return SwarmProcess(trial, load.workload, load.address, out, log, load.cores, rehearses=False)

    def read_result(self, process: Child, load: Load) -> GeneratorResult:
        """Read its only step."""
        assert isinstance(process, SwarmProcess)
        process.check_complete()
        result = process.result()
        if result is None or not result.steps:
            raise TrialError(f"the swarm measured nothing at {load.users} users", process.last_lines())
        step = result.steps[0]
        return GeneratorResult(
            self.name,
            Window(step.window_start_ns, step.window_end_ns, step.drain_end_ns),
            step.offered_messages,
            Figures(
                step.expected,
                step.delivered,
                step.latency_ms.p50,
                step.latency_ms.p99,
                step.latency_lower_ms.p50 if step.latency_lower_ms else None,
                step.latency_lower_ms.p99 if step.latency_lower_ms else None,
            ),
            step.generator.arrival_uncertainty_p99_ms,
            step.reasons,
            step.warnings,
        )


class K6Generator:
    """k6 with a script of its own, as the only generator on a server of its own, with the swarm's users and rate.

    So each generator carries the whole load. k6's clock has whole milliseconds, and a stamp that is cut off to the
    millisecond makes the observers' figures up to 1 ms too long.
    """

    name = "k6"

    def __init__(self, binary: str) -> None:
        self._binary = binary

    def start(self, load: Load) -> Child:
        """Start it under a load; it connects to nothing but the server."""
        workload, (host, port) = load.workload, load.address
        variables = {
            "URL": f"ws://{host}:{port}{load.target.endpoint.url_path}",
            "USERS": load.users,
            "ROOM_RATE": workload.room_rate,
            "JOIN_RATE": workload.join_rate,
            "WARMUP_S": workload.warmup_s,
            "DURATION_S": workload.duration_s,
            "DRAIN_S": workload.drain_s,
            "MESSAGE_SIZE": workload.message_size,
            "OUT": load.directory / "k6.json",
        }
        command = [self._binary, "run", "--quiet", "--no-color", "--no-usage-report", "--address", ""]
        flags = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        try:
            return Child([*command, *flags, str(K6_SCRIPT)], load.directory / "k6.log", load.cores)
        except OSError as error:
            raise TrialError(f"k6 cannot be run: {error}; give the path of its binary (--k6)") from error

    def read_result(self, process: Child, load: Load) -> GeneratorResult:
        """Read the summary that its script writes."""
        try:
            summary = msgspec.json.decode((load.directory / "k6.json").read_bytes(), type=_K6Summary)
        except (FileNotFoundError, msgspec.DecodeError) as error:
            code = process.exit_code()
            ending = how_it_ended(code) if code is not None else "is running"
            raise TrialError(f"k6 left no result: it {ending}", process.last_lines()) from error
        expected = summary.offered * load.users
        window = Window(summary.start_ms * 10**6, summary.end_ms * 10**6, summary.drain_end_ms * 10**6)
        figures = Figures(expected, summary.delivered, summary.p50_ms, summary.p99_ms)
        problems = _k6_problems(summary, load.users)
        return GeneratorResult(self.name, window, summary.offered, figures, K6_CLOCK_MS, problems)


class _K6Summary(msgspec.Struct, frozen=True):
    """What `k6_chat.js` writes; percentiles are over what came, in whole milliseconds."""

    start_ms: int
    end_ms: int
    drain_end_ms: int
    joined: int
    offered: int
    delivered: int
    p50_ms: float | None = None
    p99_ms: float | None = None


def _k6_problems(summary: _K6Summary, users: int) -> list[str]:
    return [f"only {summary.joined} of {users} users joined"] if summary.joined < users else []
