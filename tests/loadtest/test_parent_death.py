"""Workers whose master has died."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.swarm_process import ROOT, free_port, swarm_command, wait_until

WITHIN_S = 300

OUTLIVES_ITS_PARENT = """
import os, signal, time
from loadtest.worker.parent_death import end_with_parent

parent_pid = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent_pid:
        time.sleep(0.01)
    end_with_parent(parent_pid, signal.SIGTERM)
    print("still here", flush=True)
os._exit(0)
"""


def test_workers_end_when_the_master_that_forked_them_is_killed(tmp_path: Path) -> None:
    port = str(free_port())
    flags = ("--processes", "2", "--master-bind-port", port, "--master-port", port, "--steps", "2", "-r", "2")
    with (tmp_path / "log").open("w") as log:
        swarm = subprocess.Popen(swarm_command("ws://127.0.0.1:1", *flags), stdout=log, stderr=log)
    master = psutil.Process(swarm.pid)
    wait_until(lambda: len(master.children()) == 2)
    workers = master.children()
    swarm.kill()
    swarm.wait()
    _, left = psutil.wait_procs(workers, WITHIN_S)
    for worker in left:
        worker.kill()
    assert not left


def test_a_process_ends_whose_parent_died_before_it_asked_to() -> None:
    command = [sys.executable, "-c", OUTLIVES_ITS_PARENT]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    assert (ended.stdout, ended.stderr) == ("", "")
