"""Child processes: logged, pinned, ended for certain."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.execution.child_process import Child, how_it_ended
from bench.execution.environment_reader import read_environment
from bench.execution.interruption import interruptible
from bench.execution.pinning import choose_pinning

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def await_output(child: Child, text: str) -> None:
    deadline = time.monotonic() + 300
    while text not in child.output():
        assert time.monotonic() < deadline, child.output()
        time.sleep(0.02)


def test_a_child_that_ends_by_itself_leaves_its_code_and_its_last_lines(tmp_path: Path) -> None:
    program = "import sys; [print(n) for n in range(40)]; sys.exit(7)"
    with Child([sys.executable, "-c", program], tmp_path / "log") as child:
        deadline = time.monotonic() + 300
        while child.exit_code() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    assert child.exit_code() == 7
    assert child.last_lines(3) == ["37", "38", "39"]


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with Child([sys.executable, "-c", STUBBORN], tmp_path / "log", grace_s=0.2) as child:
        await_output(child, "up")
    assert child.exit_code() == -signal.SIGKILL
    assert not psutil.pid_exists(child.pid)


def test_grandchildren_end_even_if_the_child_had_ended_before(tmp_path: Path) -> None:
    program = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]).pid, flush=True)"
    with Child([sys.executable, "-c", program], tmp_path / "log") as child:
        await_output(child, "up")
        assert child.exit_code() == 0
        left = psutil.Process(int(child.output().split()[0]))
    left.wait(20)


def test_a_child_ends_when_its_block_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        Child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log") as child,
    ):
        raise ZeroDivisionError
    assert not psutil.pid_exists(child.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins processes here")
def test_a_child_runs_on_the_cores_it_is_given(tmp_path: Path) -> None:
    core = max(os.sched_getaffinity(0))
    program = "import os; print('on', os.sched_getaffinity(0))"
    with Child([sys.executable, "-c", program], tmp_path / "log", cores=[core]) as child:
        await_output(child, f"on {{{core}}}")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
def test_a_server_that_stands_still_ends_with_a_bench_that_is_killed(tmp_path: Path) -> None:
    program = f"""if True:
        import pathlib, time, psutil
        from bench.execution.server_process import ChatServer
        server = ChatServer("direct", 200, pathlib.Path({str(tmp_path / "server.log")!r}))
        psutil.Process(server.pid).suspend()
        print("server", server.pid, flush=True)
        time.sleep(60)
    """
    with Child([sys.executable, "-c", program], tmp_path / "log") as bench:
        await_output(bench, "server ")
        server = psutil.Process(int(bench.output().split()[1]))
        os.kill(bench.pid, signal.SIGKILL)
        server.wait(20)


def test_a_sleep_ends_when_the_bench_is_asked_to_end() -> None:
    with interruptible() as interruption:
        began_s = time.monotonic()
        interruption.sleep(0.1)
        assert time.monotonic() - began_s >= 0.1
        os.kill(os.getpid(), signal.SIGTERM)
        interruption.sleep(3_600)
    assert interruption.signal_name == "SIGTERM"


def test_an_end_is_put_in_words() -> None:
    assert how_it_ended(-9) == "was killed by SIGKILL"
    assert how_it_ended(3) == "ended with exit code 3"


def test_pinning_gives_server_and_swarm_cores_of_their_own() -> None:
    pinning = choose_pinning()
    if sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1:
        assert len(pinning.server_cores) == 1
        assert set(pinning.server_cores) | set(pinning.swarm_cores) == os.sched_getaffinity(0)
        assert not set(pinning.server_cores) & set(pinning.swarm_cores)
    else:
        assert (pinning.server_cores, pinning.swarm_cores) == ((), ())


def test_the_environment_names_versions_but_no_host() -> None:
    environment = read_environment(choose_pinning())
    assert environment.cores >= 1
    assert environment.cpu
    assert set(environment.versions) >= {"fastapi", "uvicorn", "websockets", "locust"}
    assert os.uname().nodename not in f"{environment.cpu} {environment.system} {environment.python}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_is_remembered_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as interruption:
        os.kill(os.getpid(), number)
        assert interruption.signal_name == number.name
    assert signal.getsignal(number) is before
