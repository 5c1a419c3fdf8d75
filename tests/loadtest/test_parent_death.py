"""Workers whose master has died."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil

from tests.swarm_process import free_port, swarm_command, wait_until

WITHIN_S = 20


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
