"""The machine that checks inspect: its files, how busy its cores are, and the planned users and pinning."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.errors import YardstickError
from bench.execution.pinning import choose_pinning
from bench.execution.yardstick import measure_yardstick
from bench.model.environment import Pinning, Yardstick

SAMPLE_S = 0.5
BUSY = ("user", "nice", "system", "irq", "softirq")  # a core that waits for a disk is free; steal is a check of its own
COUNTED_TWICE = ("guest", "guest_nice")  # in user and nice as well


@dataclass(frozen=True)
class CpuUse:
    """How busy the cores that this process may use were, over `SAMPLE_S`, in percent.

    `steal` is the mean over these cores, `steal_since_boot` the share of all busy time; `None` where not reported.
    """

    busy: dict[int, float]
    load_average: float
    steal: float | None
    steal_since_boot: float | None


@dataclass(frozen=True)
class Machine:
    """A machine under examination, and the number of users that it has to serve."""

    users: int
    pinning: Pinning
    cpu: CpuUse
    root: Path = Path("/")
    yardstick: Yardstick | None = None
    """How fast the planned cores are; `None` where it could not be measured."""

    def read(self, path: str) -> str:
        """Read a file of `/proc` or `/sys`, given without the leading slash.

        Raises:
            OSError: it does not exist or may not be read.

        """
        return (self.root / path).read_text().strip()

    def has(self, path: str) -> bool:
        """Tell whether a file of `/proc` or `/sys` exists, given without the leading slash."""
        return (self.root / path).exists()


def this_machine(users: int) -> Machine:
    """Inspect this machine; takes `SAMPLE_S`, and about a second for the yardstick."""
    pinning, cpu = choose_pinning(), measure_cpu()
    return Machine(users, pinning, cpu, yardstick=yardstick_or_none(pinning))


def yardstick_or_none(pinning: Pinning) -> Yardstick | None:
    """Measure how fast some cores are; `None` where it cannot be measured, which keeps nobody from a run."""
    try:
        return measure_yardstick(pinning)
    except YardstickError:
        return None


def measure_cpu() -> CpuUse:
    """Measure how busy the cores are for `SAMPLE_S`, in which this process sleeps."""
    before = _times_by_core()
    time.sleep(SAMPLE_S)
    after = _times_by_core()
    usable = os.sched_getaffinity(0) if sys.platform == "linux" else set(after)
    pairs = {core: (before[core], after[core]) for core in sorted(usable & before.keys() & after.keys())}
    stolen = [share for pair in pairs.values() if (share := percent(*pair, "steal")) is not None]
    return CpuUse(
        busy={core: sum(percent(*pair, kind) or 0 for kind in BUSY) for core, pair in pairs.items()},
        load_average=os.getloadavg()[0],
        steal=sum(stolen) / len(stolen) if stolen else None,
        steal_since_boot=_steal_since_boot(),
    )


def percent(before: Mapping[str, float], after: Mapping[str, float], kind: str) -> float | None:
    """Return one kind of time in percent of all time that passed on a core; `None` if the system has no such kind."""
    if kind not in after:
        return None
    passed = {name: max(0.0, after[name] - before[name]) for name in after if name not in COUNTED_TWICE}
    return 100 * passed[kind] / (sum(passed.values()) or 1)


def _times_by_core() -> dict[int, dict[str, float]]:
    """Read the CPU times, by core number; cores that are offline have none.

    `psutil.cpu_times_percent` would not do: over less than a second its percentages do not add up to 100.
    """
    times = psutil.cpu_times(percpu=True)
    online = Path("/sys/devices/system/cpu/online")
    cores = core_list(online.read_text()) if online.exists() else range(len(times))
    return {core: each._asdict() for core, each in zip(cores, times, strict=False)}


def core_list(text: str) -> list[int]:
    """Parse the kernel's notation of a set of cores: `0-2,8` is 0, 1, 2 and 8."""
    spans = [span.partition("-") for span in text.strip().split(",") if span]
    return [core for first, _, last in spans for core in range(int(first), int(last or first) + 1)]


def _steal_since_boot() -> float | None:
    times = psutil.cpu_times()._asdict()
    if "steal" not in times:
        return None
    busy = times["steal"] + sum(times[kind] for kind in BUSY)
    return float(100 * times["steal"] / busy)
