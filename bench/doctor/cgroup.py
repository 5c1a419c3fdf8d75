"""The limits of the control groups that this process is in: cgroup v1, v2, and both at once (cgroups(7))."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.doctor.machine import Machine

_NO_MEMORY_LIMIT = 2**62  # v1 writes a number near 2**63 where there is no limit


def cpu_quota(machine: Machine) -> float | None:
    """Return how many cores' worth of CPU time the group may use, or `None` for no limit.

    Raises:
        OSError: this system has no control groups.

    """
    quotas = []
    for group in _groups(machine, "cpu"):
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        elif (group / "cpu.cfs_quota_us").exists():
            quota, period = ((group / f"cpu.cfs_{part}_us").read_text().strip() for part in ("quota", "period"))
        else:
            continue
        if quota not in ("max", "-1"):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def memory_limit(machine: Machine) -> int | None:
    """Return the memory that the group may use in bytes, or `None` for no limit.

    Raises:
        OSError: this system has no control groups.

    """
    files = [group / name for group in _groups(machine, "memory") for name in ("memory.max", "memory.limit_in_bytes")]
    texts = [file.read_text().strip() for file in files if file.exists()]
    limits = [int(text) for text in texts if text != "max"]
    return min((limit for limit in limits if limit < _NO_MEMORY_LIMIT), default=None)


def _groups(machine: Machine, controller: str) -> Iterator[Path]:
    """Yield the folders of the groups, innermost first; a container may see only the outermost."""
    for line in machine.read("proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = machine.root / "sys/fs/cgroup" / (controller if controllers else "")
        group = base / path.lstrip("/")
        yield group
        while group != base:
            group = group.parent
            yield group
