"""The real swarm as a process, for any test that needs one."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from loadtest.ledger import result
from loadtest.ledger.result import Step, SwarmResult

ROOT = Path(__file__).parent.parent
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
ENDS_WITHIN_S = 300
JUDGE_MODULE = "loadtest.ledger.judge_process"


@dataclass(frozen=True, slots=True)
class SwarmRun:
    """A swarm that has ended: its result, if it wrote one, its exit code, and what it printed."""

    result: SwarmResult | None
    exit_code: int
    output: str


def swarm_command(host: str, *flags: str, locustfile: Path = LOCUSTFILE) -> list[str]:
    """Return the command line of a swarm without its web UI."""
    return [sys.executable, "-m", "locust", "-f", str(locustfile), "--headless", "--host", host, *flags]


def run_swarm(
    host: str, out: Path, *flags: str, environment: dict[str, str] | None = None, locustfile: Path = LOCUSTFILE
) -> SwarmRun:
    """Run a swarm to its end."""
    process = subprocess.run(
        [*swarm_command(host, "--swarm-out", str(out), locustfile=locustfile), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
        env=environment,
    )
    return SwarmRun(result.read(out) if out.exists() else None, process.returncode, process.stdout)


def only_step(run: SwarmRun) -> Step:
    """Return the one step that a swarm measured."""
    assert run.result is not None, run.output
    assert len(run.result.steps) == 1, run.output
    return run.result.steps[0]


def other_than_busy(reasons: Iterable[str]) -> list[str]:
    """Return the reasons other than that this machine was busy with something else."""
    return [reason for reason in reasons if "after they were due" not in reason]


def is_valid_unless_busy(step: Step) -> bool:
    """Whether a step is valid, or invalid only because this machine was busy with something else."""
    return not other_than_busy(step.reasons)


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def accepts(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], limit_s: float = 300) -> None:
    """Wait for a condition, within bounds."""
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.1)
