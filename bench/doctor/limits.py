"""Checks of the system's limits for a number of users: descriptors, ports, queues and memory."""

from __future__ import annotations

import re
import resource

import psutil

from bench.doctor.cgroup import memory_limit
from bench.doctor.check import Observation, check
from bench.doctor.machine import Machine
from bench.model.finding import Status

SPARE_DESCRIPTORS = 1_000  # log files, HTTP, libraries, refused joins
BACKLOG = 2_048  # the server's
BYTES_PER_USER = 80 * 1024  # an idle connection in the server (35 KiB) and in the swarm (40 KiB), rounded up
BYTES_TO_RUN = 512 * 2**20  # both programs, and the records of a window's deliveries


@check(
    effect="each connection takes a descriptor in the server and one in the swarm: without them users cannot join",
    remedy="raise the hard limit (server and swarm raise the soft one): `ulimit -Hn` as root, `LimitNOFILE=` in a"
    " systemd unit, `docker run --ulimit nofile=`; for the whole system `sudo sysctl fs.file-max=`",
)
def descriptors(machine: Machine) -> Observation:
    """Compare the limits on open files with what the users need."""
    need = machine.users + SPARE_DESCRIPTORS
    soft, hard = ("unlimited" if limit == resource.RLIM_INFINITY else limit for limit in _open_file_limits())
    found = f"{soft} soft, {hard} hard; {machine.users} users need {need} in each process"
    if isinstance(hard, int) and hard < need:
        return Status.PROBLEM, found
    if machine.has("proc/sys/fs/file-nr"):
        used, _, maximum = map(int, machine.read("proc/sys/fs/file-nr").split())
        if maximum - used < 2 * need:
            return Status.PROBLEM, f"{found}; the whole system has {maximum - used} left"
    return Status.OK, found


def _open_file_limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


@check(
    effect="each user of one swarm machine takes a local port; without free ports users cannot join",
    remedy='`sudo sysctl net.ipv4.ip_local_port_range="1024 65535"`; ports in TIME_WAIT are free after a minute',
)
def ports(machine: Machine) -> Observation:
    """Compare the range of local ports with the number of users."""
    low, high = map(int, machine.read("proc/sys/net/ipv4/ip_local_port_range").split())
    waiting = re.search(r"^TCP:.* tw (\d+)", machine.read("proc/net/sockstat"), re.MULTILINE)
    in_time_wait = int(waiting[1]) if waiting else 0
    count = high - low + 1
    found = f"{count} ports, {in_time_wait} in TIME_WAIT, for {machine.users} users"
    if count < machine.users:
        return Status.PROBLEM, found
    return (Status.WARNING if count - in_time_wait < machine.users else Status.OK), found


@check(
    effect="joins that find the queue full are retried after 1 s or more: joining takes longer, or times out",
    remedy=f"`sudo sysctl net.core.somaxconn={2 * BACKLOG} net.ipv4.tcp_max_syn_backlog={2 * BACKLOG}`,"
    " or a lower --join-rate",
)
def backlog(machine: Machine) -> Observation:
    """Compare the limits on queues of connections that wait to be accepted with the server's backlog."""
    accept = int(machine.read("proc/sys/net/core/somaxconn"))
    handshake = int(machine.read("proc/sys/net/ipv4/tcp_max_syn_backlog"))
    wanted = min(BACKLOG, machine.users)
    short = min(accept, handshake) < wanted
    found = f"somaxconn {accept}, tcp_max_syn_backlog {handshake}; {wanted} wanted"
    return (Status.WARNING if short else Status.OK), found


@check(
    effect="a machine that swaps stops for many ms at a time; one out of memory kills the server or the swarm",
    remedy="end other programs, raise the container's memory limit, or use fewer users",
)
def memory(machine: Machine) -> Observation:
    """Compare the available memory with what idle connections take."""
    available = psutil.virtual_memory().available
    if machine.has("proc/self/cgroup") and (limit := memory_limit(machine)) is not None:
        available = min(available, limit)
    need = BYTES_TO_RUN + machine.users * BYTES_PER_USER
    found = f"{available // 2**20} MiB available; {machine.users} users need about {need // 2**20}"
    return (Status.PROBLEM if available < need else Status.OK), found


CHECKS = (descriptors, ports, backlog, memory)
