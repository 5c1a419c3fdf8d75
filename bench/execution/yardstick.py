"""Measures the yardstick: what one loopback send and a fixed interpreter loop take on the cores of a run.

`python -m bench.execution.yardstick SERVER_CORES SWARM_CORES` (each like `0,1`, empty for any) prints it as JSON.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

from bench.errors import YardstickError
from bench.model.environment import Pinning, Yardstick
from bench.storage.checkout import PACKAGES

SENDS = 1500
FRAME = b"x" * 128
ASLEEP_S = 0.0003
"""The receiver goes to sleep within this time."""
SENDS_A_LOOP = 4
LOOP_ITERATIONS = 1000
LIMIT_S = 30


def measure_yardstick(pinning: Pinning) -> Yardstick:
    """Measure the yardstick on the cores of a run, in a process of its own; takes about a second.

    Raises:
        YardstickError: the process failed, or did not end within `LIMIT_S`.

    """
    cores = [",".join(map(str, each)) for each in (pinning.server_cores, pinning.swarm_cores)]
    command = [sys.executable, "-m", "bench.execution.yardstick", *cores]
    try:
        done = subprocess.run(command, cwd=PACKAGES, capture_output=True, check=True, timeout=LIMIT_S)
        return msgspec.json.decode(done.stdout, type=Yardstick)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise YardstickError(f"the yardstick could not be measured: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise YardstickError(f"the yardstick was not measured within {LIMIT_S} s; free the machine") from error


def _measure(swarm_cores: Sequence[int]) -> Yardstick:
    """Measure both in turn, so that both see the same second of the machine."""
    send_ns, loop_ns = [], []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver_pid = os.fork()
        if not receiver_pid:
            _receive(listener.getsockname(), swarm_cores)
        try:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for number in range(SENDS):
                    time.sleep(ASLEEP_S)
                    send_ns.append(_send_ns(connection))
                    if number % SENDS_A_LOOP == 0:
                        loop_ns.append(_loop_ns())
        finally:
            os.waitpid(receiver_pid, 0)  # it ends with the connection
    return Yardstick(_fast_us(send_ns), _fast_us(loop_ns))


def _send_ns(connection: socket.socket) -> int:
    """Time a send to the receiver, which sleeps."""
    started_ns = time.perf_counter_ns()
    connection.send(FRAME)
    return time.perf_counter_ns() - started_ns


def _loop_ns() -> int:
    """Time a loop in pure Python."""
    started_ns = time.perf_counter_ns()
    total = 0
    for number in range(LOOP_ITERATIONS):
        total += number * number % 7
    return time.perf_counter_ns() - started_ns


def _receive(address: tuple[str, int], cores: Sequence[int]) -> None:
    """Read until the connection ends, in a forked process, which ends here."""
    _pin(cores)
    with socket.create_connection(address, timeout=LIMIT_S) as connection:
        while connection.recv(len(FRAME)):
            pass
    os._exit(0)


def _fast_us(times_ns: list[int]) -> float:
    """Return the first decile in microseconds: what else the machine does lengthens most of the others."""
    return statistics.quantiles(times_ns, n=10)[0] / 1e3


def _pin(cores: Sequence[int]) -> None:
    if cores and sys.platform == "linux":
        os.sched_setaffinity(0, cores)


def main() -> None:
    """Measure, and print JSON."""
    server_cores, swarm_cores = ([int(core) for core in text.split(",") if core] for text in sys.argv[1:3])
    _pin(server_cores)
    sys.stdout.buffer.write(msgspec.json.encode(_measure(swarm_cores)))


if __name__ == "__main__":
    main()
