"""Several workers have the same ledger as one process; one that dies is reported."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from loadtest.coordinator.clock_offset import ClockEstimate
from loadtest.coordinator.workers import Workers
from loadtest.ledger import result
from loadtest.ledger.result import Step
from loadtest.schedule.clock import Clock, boot_id
from loadtest.worker.messages import Ping, Pong, State, ToWorker
from server.testing.server_process import ServerProcess
from tests.swarm_process import (
    LOCUSTFILE,
    free_port,
    is_valid_unless_busy,
    only_step,
    run_swarm,
    swarm_command,
    wait_until,
)

LOAD = ("--room-rate", "100", "--arrival", "constant")
SHORT = ("--only-summary", "-r", "100", "--dwell", "1", "--warmup", "0.3", "--drain", "3", *LOAD)
USERS = 7


def ledger(step: Step) -> tuple[int, ...]:
    counts = (step.planned_messages, step.offered_messages, step.expected, step.delivered, step.missing)
    return *counts, step.duplicates, step.reordered, step.foreign


def ports() -> tuple[str, ...]:
    port = str(free_port())
    return "--master-bind-port", port, "--master-port", port


def test_one_process_and_forked_workers_have_the_same_ledger(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server()
    steps = [
        only_step(run_swarm(server.url, tmp_path / f"{n}.json", *SHORT, "--steps", str(USERS), *flags))
        for n, flags in enumerate(((), ("--processes", "2", *ports())))
    ]
    assert ledger(steps[0]) == ledger(steps[1]) == (100, 100, 100 * USERS, 100 * USERS, 0, 0, 0, 0)
    assert all(map(is_valid_unless_busy, steps))
    assert result.read(tmp_path / "1.json").workers == 2
    # Both workers' stamps are in one time: of this one system's clock, without an offset.
    assert steps[1].latency_ms.p50 is not None
    assert steps[1].latency_ms.p50 > 0
    assert not any("other machines" in warning for warning in steps[1].warnings)
    assert steps[1].joined == USERS


@pytest.mark.long
def test_a_master_with_workers_started_by_hand(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server()
    port = free_port()
    out = tmp_path / "out.json"
    master_flags = ("--master", "--master-bind-port", str(port), "--expect-workers", "2", "--swarm-out", str(out))
    worker = swarm_command(server.url, "--worker", "--master-port", str(port))
    worker.remove("--headless")
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in (swarm_command(server.url, *SHORT, "--steps", f"4,{USERS}", *master_flags), worker, worker)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    measured = result.read(out)
    assert measured.workers == 2, outputs
    assert [ledger(step) for step in measured.steps] == [
        (100, 100, 100 * users, 100 * users, 0, 0, 0, 0) for users in (4, USERS)
    ]
    assert measured.messages_sent == server.stats()["messages_in"] == 2 * 130 + 1, "one of the rehearsal"
    assert measured.deliveries_received == server.stats()["deliveries_out"] == 130 * (4 + USERS) + 2
    assert processes[0].returncode == int(not all(step.valid for step in measured.steps))
    assert not any("Traceback" in output for output in outputs)


@pytest.mark.long
def test_a_worker_that_is_killed_makes_the_run_invalid(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    flags = (*SHORT, "--steps", f"{USERS},9", "--dwell", "2", "--processes", "2", *ports(), "--swarm-out", str(out))
    process = subprocess.Popen(
        swarm_command(server.url, *flags), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait_until(lambda: server.stats()["messages_in"] > 50)
    psutil.Process(process.pid).children()[0].kill()
    output, _ = process.communicate(timeout=300)
    measured = result.read(out)
    (step,) = measured.steps
    assert process.returncode == 1
    assert not step.valid, output
    assert any("did not hand over its ledger" in reason for reason in step.reasons)
    assert measured.not_measured == [9]


@pytest.mark.long
def test_ctrl_c_reaches_workers_too_and_still_keeps_their_ledgers(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    flags = (*SHORT, "--steps", str(USERS), "--dwell", "20", "--processes", "2", *ports(), "--swarm-out", str(out))
    process = subprocess.Popen(
        swarm_command(server.url, *flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: server.stats()["messages_in"] > 80)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    (step,) = result.read(out).steps
    assert is_valid_unless_busy(step), (step.reasons, output)
    assert step.expected == step.delivered == USERS * step.offered_messages > 0


def state(**changes: int) -> State:
    fields = {"stalled": 0, "failed": 0, "reads": 0, "sent": 0, "received": 0} | changes
    return State(joined=[], outstanding={}, problems=[], **fields)


def test_workers_here_share_the_clock_and_others_clocks_are_estimated() -> None:
    asked: list[tuple[ToWorker, str]] = []
    workers = Workers(lambda message, name: asked.append((message, name)))
    workers.receive("here", state())
    (ping, name), *_ = asked
    assert isinstance(ping, Ping)
    assert name == "here"
    workers.receive("here", Pong(ping.time_ns, ping.time_ns + 5_000_000_000, boot_id()))
    assert workers.clock("here") == ClockEstimate(0, 0)
    asked.clear()
    workers.receive("here", state())
    assert not asked, "its clock is known"
    hour_ns = 3_600_000_000_000
    workers.receive("there", state())
    ping = asked[-1][0]
    assert isinstance(ping, Ping)
    workers.receive("there", Pong(ping.time_ns, ping.time_ns + hour_ns, "another system"))
    known = workers.clock("there")
    assert abs(known.ahead_ns - hour_ns) <= known.uncertainty_ns < 1_000_000_000
    # A slow reply does not replace the estimate of a quick one.
    workers.receive("there", Pong(ping.time_ns - hour_ns, ping.time_ns, "another system"))
    assert workers.clock("there") == known


def test_the_clock_of_another_machine_is_asked_again_and_followed_as_it_drifts() -> None:
    pings: list[ToWorker] = []
    workers = Workers(lambda message, _: pings.append(message))
    drift_ns = 50_000_000

    def reply(ahead_ns: int) -> None:
        workers.receive("there", state())
        ping = pings[-1]
        assert isinstance(ping, Ping)
        workers.receive("there", Pong(ping.time_ns, ping.time_ns + ahead_ns, "another system"))

    reply(0)
    at_order = {"there": workers.clock("there")}
    for _ in range(20):
        reply(drift_ns)
    assert len(pings) == 21, "each report of a worker is a moment to ask"
    now = workers.clock("there")
    assert abs(now.ahead_ns - drift_ns) <= now.uncertainty_ns
    moved_ns = abs(now.ahead_ns - at_order["there"].ahead_ns)
    assert workers.clock_uncertainty_ns(at_order) == max(
        at_order["there"].uncertainty_ns, now.uncertainty_ns + moved_ns
    )


LYING = """
from loadtest.worker import generator
Pong = generator.Pong
generator.boot_id = lambda: "another system"
generator.Pong = lambda ping_ns, time_ns, boot_id: Pong(ping_ns, time_ns + 200_000_000, boot_id)
from loadtest.locustfile import *
"""


@pytest.mark.long
def test_a_clock_that_is_wrong_makes_negative_latencies_that_are_told(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server()
    port = free_port()
    out = tmp_path / "out.json"
    lying = tmp_path / "lying.py"
    lying.write_text(LYING)
    master_flags = ("--master", "--master-bind-port", str(port), "--expect-workers", "2", "--swarm-out", str(out))
    commands = [swarm_command(server.url, *SHORT, "--steps", str(USERS), *master_flags)]
    for locustfile in (lying, LOCUSTFILE):
        commands.append(swarm_command(server.url, "--worker", "--master-port", str(port), locustfile=locustfile))
        commands[-1].remove("--headless")
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for command in commands
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    (step,) = result.read(out).steps
    assert step.delivered == step.expected == USERS * 100, outputs
    # Those of the other worker's members at this one's, whose arrival is taken to be 200 ms earlier than it was.
    assert 0 < step.negative_latencies < step.expected
    assert any(f"{step.negative_latencies} of {step.delivered} deliveries arrived before" in r for r in step.reasons)
    assert any("workers on other machines" in warning for warning in step.warnings)


def test_times_of_a_machine_with_a_clock_ahead_are_the_coordinators() -> None:
    clock = Clock()
    before_ns = clock.now_ns()
    clock.ahead_ns = 3_600_000_000_000
    assert clock.now_ns() - before_ns == pytest.approx(-clock.ahead_ns, abs=1_000_000_000)
    assert clock.steady_ns() == pytest.approx(clock.now_ns(), abs=1_000_000_000)
    assert clock.to_system_ns(clock.from_system_ns(123)) == 123
    assert clock.stepped_ns < 1_000_000_000
