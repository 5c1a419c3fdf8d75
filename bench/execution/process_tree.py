"""The processes of a server, and what they have used together: CPU time and memory."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.model.run import ServerSample

ROUNDING_S = 2 / os.sysconf("SC_CLK_TCK")
"""By how much a difference of two readings may be too low: user and system time are each cut to a clock tick."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one process has used itself, and what its ended children had used that it waited for, in CPU seconds."""

    own_s: float
    reaped_s: float
    rss_bytes: int
    is_zombie: bool

    @property
    def total_s(self) -> float:
        return self.own_s + self.reaped_s


class ProcessTree:
    """A process, all below it, and those of their sessions that outlived their parents.

    CPU time is that of each process with that of the children it has waited for, so even a child too short-lived to
    be seen counts once. A parent that does not take over an ended child's time (it ended first, it ignores SIGCHLD,
    or the system is not Linux) is noticed: the child's last reading is then kept in the sum. Not seen is only what
    detaches itself into a session of its own and loses its parent between two samples.
    """

    def __init__(self, pid: int) -> None:
        """Begin with the first process of a tree.

        Raises:
            psutil.NoSuchProcess: it has ended.

        """
        self.pid = pid
        self._members = {pid: psutil.Process(pid)}
        self._sessions = {pid} if _session(pid) == pid else set[int]()
        self._looked_at = {pid}
        self._parents: dict[int, int] = {}
        self._last: dict[int, _Reading] = {}
        self._kept_s = 0.0

    def processes(self) -> list[psutil.Process]:
        """Return the processes that are there now, zombies included, the first one first."""
        self._find_new()
        return list(self._members.values())

    def descriptors(self) -> int:
        """Count the open descriptors of all processes that are there now."""
        counted = 0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                counted += process.num_fds()
        return counted

    def sample(self) -> ServerSample:
        """Read the CPU time so far and the resident memory of all; pages that they share count for each.

        Raises:
            psutil.NoSuchProcess: the first process has ended.

        """
        self._find_new()
        time_ns = time.time_ns()
        readings = self._read_all()
        if self.pid not in readings:
            raise psutil.NoSuchProcess(self.pid)
        self._kept_s += self._lost_s(readings)
        self._last = readings
        self._parents = {pid: self._parents[pid] for pid in readings if pid in self._parents}
        return ServerSample(
            time_ns,
            self._kept_s + sum(each.total_s for each in readings.values()),
            sum(each.rss_bytes for each in readings.values()),
            self.pid,
            sum(not each.is_zombie for each in readings.values()),
        )

    def _find_new(self) -> None:
        """Add the members among the processes that were not there before; only of these is anything read."""
        pids = set(psutil.pids())
        unknown = {pid: origin for pid in pids - self._looked_at if (origin := _origin(pid))}
        self._looked_at = pids
        while found := [
            pid for pid, (parent, session) in unknown.items() if parent in self._members or session in self._sessions
        ]:
            for pid in found:
                self._parents[pid], session = unknown.pop(pid)
                if session == pid:
                    self._sessions.add(pid)
                with suppress(psutil.NoSuchProcess):
                    self._members[pid] = psutil.Process(pid)

    def _read_all(self) -> dict[int, _Reading]:
        """Read all members, parents before children, again whenever one has ended meanwhile.

        So no child is read as running whose time its parent's reading has already, and no parent's reading is older
        than the end of a child that is gone.
        """
        while True:
            readings = {pid: reading for pid in sorted(self._members, key=self._depth) if (reading := self._read(pid))}
            if len(readings) == len(self._members):
                return readings
            self._members = {pid: process for pid, process in self._members.items() if pid in readings}

    def _read(self, pid: int) -> _Reading | None:
        process = self._members[pid]
        try:
            with process.oneshot():
                self._parents[pid] = process.ppid()  # another one than at first if that ended
                cpu = process.cpu_times()
                is_zombie = process.status() == psutil.STATUS_ZOMBIE
                rss_bytes = 0 if is_zombie else process.memory_info().rss
                own_s, reaped_s = cpu.user + cpu.system, cpu.children_user + cpu.children_system
                return _Reading(own_s, reaped_s, rss_bytes, is_zombie)
        except psutil.NoSuchProcess:
            return None

    def _depth(self, pid: int) -> int:
        return len(self._ancestors(pid))

    def _ancestors(self, pid: int) -> list[int]:
        """Return the members above one, from its parent up, also those that have ended since the last sample."""
        above: list[int] = []
        while (pid := self._parents.get(pid, 0)) not in above and (pid in self._members or pid in self._last):
            above.append(pid)
        return above

    def _lost_s(self, readings: dict[int, _Reading]) -> float:
        """Return what those that ended since the last readings had used and no remaining member has taken over."""
        lost_s = 0.0
        ended_s: defaultdict[int, float] = defaultdict(float)
        for pid, last in self._last.items():
            if pid in readings:
                continue
            heirs = [each for each in self._ancestors(pid) if each in readings and each in self._last]
            if heirs:
                ended_s[heirs[0]] += last.total_s
            else:
                lost_s += last.total_s
        for heir, used_s in ended_s.items():
            missing_s = used_s - (readings[heir].reaped_s - self._last[heir].reaped_s)
            lost_s += missing_s if missing_s > ROUNDING_S else 0.0
        return lost_s


def _origin(pid: int) -> tuple[int, int] | None:
    """Return the parent and the session of a process, or `None` if it has ended."""
    try:
        return psutil.Process(pid).ppid(), _session(pid)
    except psutil.NoSuchProcess:
        return None


def _session(pid: int) -> int:
    """Return the session of a process, 0 if it has ended or may not be asked."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0
