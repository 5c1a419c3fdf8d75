"""The real swarm as a process, for any test that needs one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from loadtest import result
from loadtest.result import SwarmResult

ROOT = Path(__file__).parent.parent
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
ENDS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class SwarmRun:
    """A swarm that has ended: its result, if it wrote one, its exit code, and what it printed."""

    result: SwarmResult | None
    exit_code: int
    output: str


def swarm_command(host: str, *flags: str) -> list[str]:
    """Return the command line of a swarm without its web UI."""
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", host, *flags]


def run_swarm(host: str, out: Path, *flags: str, environment: dict[str, str] | None = None) -> SwarmRun:
    """Run a swarm to its end."""
    process = subprocess.run(
        [*swarm_command(host, "--swarm-out", str(out)), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
        env=environment,
    )
    return SwarmRun(result.read(out) if out.exists() else None, process.returncode, process.stdout)
