"""A second Ctrl-C ends the swarm at once, and the swarm reports what is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.ledger import result
from server.testing.server_process import ServerProcess
from tests.swarm_process import free_port, swarm_command, wait_until

LOAD = ("--room-rate", "100", "--arrival", "constant")
SHORT = ("--only-summary", "-r", "100", "--dwell", "2", "--warmup", "0.3", "--drain", "30", *LOAD)


@pytest.mark.long
@pytest.mark.parametrize("has_workers", [False, True])
@pytest.mark.parametrize("presses_s", [(0, 1.6), (0, 0.7, 1.4)], ids=["slowly", "quickly"])
def test_a_second_ctrl_c_gives_up_the_open_window_and_says_so(
    start_server: Callable[..., ServerProcess], tmp_path: Path, has_workers: bool, presses_s: tuple[float, ...]
) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    port = str(free_port())
    workers = ("--processes", "2", "--master-bind-port", port, "--master-port", port) if has_workers else ()
    swarm = subprocess.Popen(
        swarm_command(server.url, *SHORT, "--steps", "3,5,7", *workers, "--swarm-out", str(out)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: out.exists() and server.stats()["messages_in"] > 280)
    server.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(0.3)  # something is under way, so that the first one waits for it
        pressed_s = time.monotonic()
        for after_s in presses_s:
            time.sleep(max(0.0, pressed_s + after_s - time.monotonic()))
            os.killpg(swarm.pid, signal.SIGINT)
        output, _ = swarm.communicate(timeout=300)
    finally:
        server.process.send_signal(signal.SIGCONT)
    measured = result.read(out)
    assert [step.users for step in measured.steps] == [3], output
    assert (measured.interrupted, measured.not_measured) == (True, [5, 7])
    assert "not measured: 5, 7 users (interrupted)" in output
    assert swarm.returncode == 1
    assert "Traceback" not in output


@pytest.mark.long
def test_a_second_ctrl_c_ends_a_worker_that_its_master_waits_for(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    port = str(free_port())
    master_flags = ("--master", "--master-bind-port", port, "--expect-workers", "1", "--steps", "3", "--dwell", "60")
    worker_command = swarm_command(server.url, "--worker", "--master-port", port)
    worker_command.remove("--headless")
    master = subprocess.Popen(swarm_command(server.url, *SHORT, *master_flags), stderr=subprocess.DEVNULL)
    worker = subprocess.Popen(worker_command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: server.stats()["messages_in"] > 50)
        worker.send_signal(signal.SIGINT)
        time.sleep(1.2)
        assert worker.poll() is None, "after the first one it waits for its master to ask for its ledger"
        worker.send_signal(signal.SIGINT)
        output, _ = worker.communicate(timeout=300)
    finally:
        for process in (worker, master):
            process.kill()
            process.wait()
    assert "Traceback" not in output
