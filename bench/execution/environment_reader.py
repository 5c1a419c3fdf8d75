"""Describes the machine, the versions and the limits that a campaign runs under."""

from __future__ import annotations

import platform
import resource
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.model.environment import Commit, Environment, Pinning, Yardstick
from bench.model.finding import Finding
from bench.storage.checkout import PACKAGES

DISTRIBUTIONS = (
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "websockets",
    "locust",
    "gevent",
    "numpy",
)


def read_environment(
    pinning: Pinning, findings: Sequence[Finding] = (), yardstick: Yardstick | None = None
) -> Environment:
    """Describe this machine as it is now; `findings` are the doctor's, `yardstick` is how fast it is."""
    return Environment(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu_model(),
        cores=psutil.cpu_count() or 0,
        memory_mib=psutil.virtual_memory().total // 2**20,
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={name: version(name) for name in DISTRIBUTIONS},
        open_files_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        pinning=pinning,
        commit=_commit(),
        findings=tuple(findings),
        yardstick=yardstick,
    )


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _commit() -> Commit | None:
    """Ask git, if this tool runs from a checkout that has a commit and git is there to ask."""
    git = ["git", "-C", str(PACKAGES)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD:./bench", "HEAD"], capture_output=True, text=True)
        if head.returncode != 0:  # not a checkout, no commit yet, or a checkout of something else
            return None
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--", "server", "loadtest", "bench"],
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return None
    return Commit(head.stdout.split()[1], bool(changes.stdout.strip()))
