"""The bench's command line, run to its end as a process of its own."""

from __future__ import annotations

import subprocess
import sys

from bench.execution.child_process import PACKAGES

LIMIT_S = 300
ANY_SPEED = "--allow-different-environment"
"""For `--resume`: the speed of a machine that other tests use changes meanwhile."""


def bench(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *flags]
    return subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, timeout=LIMIT_S, check=False)
