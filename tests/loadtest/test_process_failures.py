"""Workers that join late or die, and a judge that dies or hangs: the run ends and reports it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.ledger import result
from loadtest.ledger.result import SwarmResult
from server.testing.server_process import ServerProcess
from tests.swarm_process import JUDGE_MODULE, ROOT, free_port, swarm_command, wait_until

LOAD = ("--room-rate", "50", "--arrival", "constant")
SHORT = ("--only-summary", "-r", "100", "--dwell", "2", "--warmup", "0.3", "--drain", "2", *LOAD)


class Processes:
    """Swarm processes that write to `out`; each ends with its test."""

    def __init__(self, host: str, out: Path) -> None:
        self._host = host
        self._out = out
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *flags: str, locustfile: Path = ROOT / "loadtest" / "locustfile.py") -> subprocess.Popen[str]:
        command = swarm_command(self._host, *flags, locustfile=locustfile)
        if "--worker" in flags:
            command.remove("--headless")
        else:
            command += ["--swarm-out", str(self._out)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self._started.append(process)
        return process

    def result_of(self, process: subprocess.Popen[str]) -> tuple[SwarmResult, str]:
        output, _ = process.communicate(timeout=300)
        assert self._out.exists(), output
        return result.read(self._out), output

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server()


@pytest.fixture
def swarm(server: ServerProcess, tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(server.url, tmp_path / "out.json")
    yield processes
    processes.close()


def ports() -> tuple[str, ...]:
    port = str(free_port())
    return "--master-bind-port", port, "--master-port", port


def judge_of(process: subprocess.Popen[str]) -> psutil.Process:
    (judge,) = [child for child in psutil.Process(process.pid).children() if JUDGE_MODULE in child.cmdline()]
    return judge


@pytest.mark.long
def test_a_worker_that_joins_within_a_window_is_not_waited_for(server: ServerProcess, swarm: Processes) -> None:
    port = str(free_port())
    master = swarm.start(
        *SHORT, "--dwell", "6", "--steps", "4,6", "--master", "--master-bind-port", port, "--expect-workers", "1"
    )
    swarm.start("--worker", "--master-port", port)
    wait_until(lambda: server.stats()["messages_in"] > 30)
    swarm.start("--worker", "--master-port", port)
    measured, output = swarm.result_of(master)
    assert [step.users for step in measured.steps] == [4, 6], output
    assert measured.workers == 2


@pytest.mark.long
def test_a_late_worker_begins_once_it_is_ready(server: ServerProcess, swarm: Processes, tmp_path: Path) -> None:
    slow = tmp_path / "slow_start.py"
    slow.write_text(
        "import gevent\n"
        "from locust import events\n"
        "events.init.add_listener(lambda **_: gevent.sleep(1))\n"
        "from loadtest.locustfile import *\n"
        "from loadtest.locustfile import StalledUser\n"
    )
    port = str(free_port())
    master = swarm.start(*SHORT, "--dwell", "6", "--steps", "4,6", "--master", "--master-bind-port", port)
    swarm.start("--worker", "--master-port", port)
    wait_until(lambda: server.stats()["messages_in"] > 30)
    swarm.start("--worker", "--master-port", port, locustfile=slow)
    measured, output = swarm.result_of(master)
    assert measured.workers == 2, output
    assert measured.steps[-1].joined == 6


@pytest.mark.long
def test_the_messages_of_a_killed_worker_are_planned_and_not_foreign(server: ServerProcess, swarm: Processes) -> None:
    process = swarm.start(*SHORT, "--steps", "6", "--processes", "2", *ports())
    wait_until(lambda: server.stats()["messages_in"] > 40)
    workers = [child for child in psutil.Process(process.pid).children() if JUDGE_MODULE not in child.cmdline()]
    workers[0].kill()
    measured, output = swarm.result_of(process)
    (step,) = measured.steps
    assert step.planned_messages == 100, output
    assert step.offered_messages < 99
    assert step.missing >= 3 * (100 - step.offered_messages)
    assert step.foreign == 0
    assert any("were sent" in reason for reason in step.reasons)


@pytest.mark.long
def test_a_dead_worker_is_reported_once_and_leaves_no_members(server: ServerProcess, swarm: Processes) -> None:
    flags = ("--processes", "2", *ports())
    process = swarm.start(*SHORT, "--dwell", "1", "-u", "6", "-t", "25s", *flags)
    wait_until(lambda: server.stats()["messages_in"] > 40)
    workers = [child for child in psutil.Process(process.pid).children() if JUDGE_MODULE not in child.cmdline()]
    workers[0].kill()
    measured, output = swarm.result_of(process)
    (step,) = measured.steps
    assert sum("did not hand over its ledger" in reason for reason in step.reasons) == 1, output
    assert step.windows > 5


@pytest.mark.long
def test_the_end_of_the_judge_ends_a_run_without_steps(server: ServerProcess, swarm: Processes) -> None:
    process = swarm.start(*SHORT, "--dwell", "1", "-u", "3", "-t", "10m")
    wait_until(lambda: server.stats()["messages_in"] > 30)
    judge_of(process).kill()
    measured, output = swarm.result_of(process)
    assert process.returncode == 1
    assert measured.steps == []
    assert sum("the judge's process has ended" in problem for problem in measured.problems) == 1
    assert "Traceback" not in output


@pytest.mark.long
def test_a_judge_that_hangs_does_not_keep_a_swarm_from_ending(server: ServerProcess, swarm: Processes) -> None:
    process = swarm.start(*SHORT, "--steps", "3")
    wait_until(lambda: server.stats()["messages_in"] > 30)
    judge = judge_of(process)
    judge.suspend()
    wait_until(lambda: server.stats()["messages_in"] == 115 + 1)  # one of the rehearsal
    process.send_signal(signal.SIGINT)
    time.sleep(1.5)  # a second one within a second would be an echo of the first
    process.send_signal(signal.SIGINT)
    measured, _ = swarm.result_of(process)
    assert any("did not answer within 5 s" in problem for problem in measured.problems), measured
    assert not judge.is_running()


POLICIES = """
from gevent import monkey; monkey.patch_all()  # as Locust does
import os, signal, gevent
from loadtest.ledger.judge_process import Judge

judge = Judge()
pid = judge._process.pid
seen = [os.sched_getscheduler(pid)]
for is_urgent in (True, False):
    os.kill(pid, signal.SIGSTOP)
    asking = gevent.spawn(judge.report, 300, is_urgent=is_urgent)
    gevent.sleep(0.1)
    seen.append(os.sched_getscheduler(pid))
    os.kill(pid, signal.SIGCONT)
    assert asking.get(timeout=300) is None  # no window was judged
    seen.append(os.sched_getscheduler(pid))
judge.close()
print(*seen)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")
def test_the_judge_yields_to_all_others_but_when_a_report_is_urgent() -> None:
    """Else a core that is busy throughout would keep it from its report for ever."""
    done = subprocess.run(
        [sys.executable, "-c", POLICIES], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    policies = [int(word) for word in done.stdout.split()]
    idle, normal = os.SCHED_IDLE, os.SCHED_OTHER
    assert policies == [idle, normal, idle, idle, idle], done.stderr
