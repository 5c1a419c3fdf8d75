"""Checks of time, by experiment: the cost of reading the clock, kernel receive times, and timers."""

from __future__ import annotations

import socket
import statistics
import struct
import sys
import time
from collections.abc import Sequence

from bench.doctor.check import Observation, check
from bench.doctor.machine import Machine
from bench.model.finding import Status
from loadtest.ledger.validity_limits import MAX_SCHEDULE_LAG_MS

SLOW_CLOCK_NS = 500
SLOW_SOURCES = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit")
SO_TIMESTAMPNS = 35  # from asm-generic/socket.h, as Python does not name it
TIMESPEC = struct.Struct("=qq")
STAMP_TOLERANCE_NS = 1_000_000
READS = 20
WARM_UP_READS = 200  # the kernel enables the stamps a moment after the first socket asks for them
WAITS, WAIT_NS = 20, 2_000_000
LATE_WARNING_NS = 500_000
LATE_PROBLEM_NS = int(MAX_SCHEDULE_LAG_MS * 1e6)  # every run would be invalid for its schedule lag


@check(
    effect="a slow clock source makes each reading of the clock a system call; the swarm reads it"
    " several times per delivery",
    remedy="`echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource` if"
    " available_clocksource there lists it; otherwise use another machine or hypervisor",
)
def clock_source(machine: Machine) -> Observation:
    """Read which counter the kernel's clock uses, and measure the cost of a reading."""
    name = machine.read("sys/devices/system/clocksource/clocksource0/current_clocksource")
    cost_ns = min(_clock_cost_ns() for _ in range(5))
    slow = name in SLOW_SOURCES or cost_ns > SLOW_CLOCK_NS
    return (Status.WARNING if slow else Status.OK), f"{name}, {cost_ns:.0f} ns per reading"


def _clock_cost_ns(readings: int = 500) -> float:
    begin = time.perf_counter_ns()
    for _ in range(readings):
        time.time_ns()
    return (time.perf_counter_ns() - begin) / readings


@check(
    effect="arrival is the kernel's receive time; without it, arrival is the time of the read, and delays in a busy"
    " swarm count as latency of the server",
    remedy="use 64-bit Linux, and a kernel or sandbox that implements SO_TIMESTAMPNS; otherwise keep the swarm well"
    " below one core and check its read lag",
)
def receive_timestamps(_machine: Machine) -> Observation:
    """Send bytes over a loopback TCP connection and compare the kernel's receive times with the clock."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return Status.WARNING, "not on this system"
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as sender:
        receiver, _ = listener.accept()
        with receiver:
            receiver.settimeout(1)
            receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            for _ in range(WARM_UP_READS):
                if _distance_ns(sender, receiver) is not None:
                    break
                time.sleep(0.001)
            distances = [_distance_ns(sender, receiver) for _ in range(READS)]
    return judge_stamps(distances)


def _distance_ns(sender: socket.socket, receiver: socket.socket) -> int | None:
    """Send a byte; return how far outside the span from send to read its receive time is, or `None` if it has none."""
    sent_ns = time.time_ns()
    sender.sendall(b"?")
    _, ancillary, _, _ = receiver.recvmsg(1, socket.CMSG_SPACE(TIMESPEC.size))
    read_ns = time.time_ns()
    if not ancillary:
        return None
    seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
    stamp_ns: int = seconds * 1_000_000_000 + nanoseconds
    return max(0, sent_ns - stamp_ns, stamp_ns - read_ns)


def judge_stamps(distances_ns: Sequence[int | None]) -> Observation:
    """Judge receive times by how far they are outside the span from send to read; `None` is a read without one."""
    stamped = [distance for distance in distances_ns if distance is not None]
    furthest_ns = max(stamped, default=0)
    found = (
        f"on {len(stamped)} of {len(distances_ns)} reads, at most {furthest_ns / 1e6:.3f} ms before send or after read"
    )
    if furthest_ns > STAMP_TOLERANCE_NS:
        return Status.PROBLEM, found
    return (Status.OK if len(stamped) == len(distances_ns) else Status.WARNING), found


@check(
    effect="late timers are schedule lag: messages are sent later than planned, and the load differs from the plan",
    remedy="stop other load; in a virtual machine use a kernel with high-resolution timers, or another host",
)
def timers(_machine: Machine) -> Observation:
    """Sleep for a short time repeatedly, and measure how late each wake-up is."""
    late_ns = []
    for _ in range(WAITS):
        due_ns = time.monotonic_ns() + WAIT_NS
        time.sleep(WAIT_NS / 1e9)
        late_ns.append(time.monotonic_ns() - due_ns)
    return judge_lateness(late_ns)


def judge_lateness(late_ns: Sequence[int]) -> Observation:
    """Judge how late wake-ups were, in nanoseconds."""
    median_ns = statistics.median(late_ns)
    found = f"{median_ns / 1e6:.3f} ms late in the median of {len(late_ns)} waits, {max(late_ns) / 1e6:.3f} at most"
    if median_ns >= LATE_PROBLEM_NS:
        return Status.PROBLEM, found
    return (Status.WARNING if median_ns >= LATE_WARNING_NS else Status.OK), found


CHECKS = (clock_source, receive_timestamps, timers)
