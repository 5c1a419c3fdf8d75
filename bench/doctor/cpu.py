"""Checks of the processor: its cores, what else uses them, and how fast they run."""

from __future__ import annotations

import os
import sys

from bench.doctor.cgroup import cpu_quota
from bench.doctor.check import Observation, check
from bench.doctor.machine import Machine, core_list
from bench.model.finding import Status

STEAL_WARNING, STEAL_PROBLEM = 1.0, 5.0  # percent
BUSY_WARNING, BUSY_PROBLEM = 20.0, 50.0  # percent of a core


@check(
    effect="server and swarm need a core each, and everything else one more: on one core the swarm delays itself, on"
    " two the tail (p99.9, max) includes whatever else the machine does",
    remedy="use a machine, or a `taskset`, with three cores or more",
)
def cores(machine: Machine) -> Observation:
    """Count the cores that this process may use."""
    count = len(machine.cpu.busy)
    found = f"{count} usable of {os.cpu_count()}"
    if count < 2:
        return Status.PROBLEM, found
    return (Status.WARNING if count == 2 else Status.OK), found


@check(
    effect="hyperthreads of one core slow each other down: the busier the swarm, the slower the server looks",
    remedy="use one hyperthread of each core: start the bench under `taskset -c` with the cores named here, or"
    " disable SMT with `echo off | sudo tee /sys/devices/system/cpu/smt/control`",
)
def siblings(machine: Machine) -> Observation:
    """Check whether server and swarm would run on hyperthreads of one core."""
    usable = list(machine.cpu.busy)
    threads = {
        core: core_list(machine.read(f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"))
        for core in usable
    }
    alone = [core for core in usable if not any(other in threads[core] for other in usable if other < core)]
    shared = [
        f"{server} and {swarm}"
        for server in machine.pinning.server_cores
        for swarm in machine.pinning.swarm_cores
        if swarm in threads[server]
    ]
    if shared:
        cores_to_use = ",".join(map(str, alone))
        return Status.WARNING, f"server and swarm share a core: {', '.join(shared)}; one of each core: {cores_to_use}"
    return Status.OK, f"{len(alone)} physical cores, none shared by server and swarm"


@check(
    effect="without pinning, server and swarm sometimes share a core: single latencies rise by milliseconds",
    remedy="use Linux, and a container that allows sched_setaffinity(2)",
)
def pinning(machine: Machine) -> Observation:
    """Bind this thread to each planned core in turn, as the bench will bind its processes."""
    planned = (*machine.pinning.server_cores, *machine.pinning.swarm_cores)
    if sys.platform != "linux" or not planned:
        return Status.WARNING, "server and swarm are not pinned: there is one core, or the system cannot pin"
    before = os.sched_getaffinity(0)
    try:
        for core in planned:
            os.sched_setaffinity(0, {core})
            if os.sched_getaffinity(0) != {core}:
                return Status.PROBLEM, f"binding to core {core} is accepted and then ignored"
    except OSError as error:
        return Status.PROBLEM, f"binding to core {core} fails: {error.strerror}"
    finally:
        os.sched_setaffinity(0, before)
    return Status.OK, f"works on each of {len(planned)} cores"


@check(
    effect="a governor that lowers the clock of an idle core raises latencies under light load and in the first second",
    remedy="`sudo cpupower frequency-set -g performance` during the run",
)
def governor(machine: Machine) -> Observation:
    """Read how the kernel chooses the clock frequency of the cores."""
    names = {machine.read(f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor") for core in machine.cpu.busy}
    return (Status.OK if names == {"performance"} else Status.WARNING), ", ".join(sorted(names))


@check(
    effect="turbo depends on temperature and on how many cores are busy: equal runs may differ by 10 % and more",
    remedy="`echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo`, elsewhere"
    " `echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost`, during the run; or take more blocks",
)
def turbo(machine: Machine) -> Observation:
    """Read whether cores may run above their nominal clock frequency."""
    if machine.has("sys/devices/system/cpu/intel_pstate/no_turbo"):
        on = machine.read("sys/devices/system/cpu/intel_pstate/no_turbo") == "0"
    else:
        on = machine.read("sys/devices/system/cpu/cpufreq/boost") == "1"
    return (Status.WARNING, "on") if on else (Status.OK, "off")


@check(
    effect="while the host gives the core to another machine nothing runs here: latency and schedule lag both grow",
    remedy="use a machine with dedicated, not burstable, cores, or run when the host is quiet",
)
def steal(machine: Machine) -> Observation:
    """Read the share of CPU time that the host took; on an idle machine only that since boot shows it."""
    now, since_boot = machine.cpu.steal, machine.cpu.steal_since_boot
    if now is None or since_boot is None:
        return Status.UNKNOWN, "this system does not report it"
    found = f"{now:.1f} % now, {since_boot:.1f} % of the busy time since boot"
    if now >= STEAL_PROBLEM:
        return Status.PROBLEM, found
    return (Status.WARNING if max(now, since_boot) >= STEAL_WARNING else Status.OK), found


@check(
    effect="other programs take cores, caches and memory from server and swarm, and so raise latencies",
    remedy="end them (`top` shows them) and wait until the load has gone, or choose idle cores with `taskset -c`",
)
def other_load(machine: Machine) -> Observation:
    """Read how busy the usable cores are before the bench starts anything."""
    core, busiest = max(machine.cpu.busy.items(), key=lambda item: item[1])
    found = f"core {core} is {busiest:.0f} % busy, the busiest; load average {machine.cpu.load_average:.1f}"
    if busiest >= BUSY_PROBLEM:
        return Status.PROBLEM, found
    return (Status.WARNING if busiest >= BUSY_WARNING else Status.OK), found


@check(
    effect="a group that has used up its quota is paused to the end of the period, usually 100 ms: p99 is that pause",
    remedy="lift the quota: `docker run` without --cpus, no CPU limit on the pod, an empty `CPUQuota=` in the unit",
)
def cpu_limit(machine: Machine) -> Observation:
    """Read the CPU quota of the control group."""
    quota = cpu_quota(machine)
    if quota is None:
        return Status.OK, "none"
    found = f"{quota:.2g} cores' worth of CPU time for {len(machine.cpu.busy)} cores"
    if quota < 2:
        return Status.PROBLEM, found
    return (Status.WARNING if quota < len(machine.cpu.busy) else Status.OK), found


@check(
    effect="in a virtual machine a wake-up or a timer costs more, and other guests are invisible; this is no fault, but"
    " absolute figures apply to this kind of machine only",
    remedy="measure absolute figures on the hardware that you will use",
)
def virtualisation(machine: Machine) -> Observation:
    """Look for the usual signs of a virtual machine and of a container."""
    signs = []
    if "hypervisor" in machine.read("proc/cpuinfo").split():
        signs.append("virtual machine")
    if machine.has(".dockerenv") or machine.has("run/.containerenv"):
        signs.append("container")
    return Status.OK, " and ".join(signs) or "no sign of any"


CHECKS = (cores, siblings, pinning, governor, turbo, steal, other_load, cpu_limit, virtualisation)
