"""CPU time and memory of a server that is several processes: real ones, compared with what they report themselves."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from bench.errors import TrialError
from bench.execution.child_process import Child
from bench.execution.freeze import freeze
from bench.execution.interruption import Interruption
from bench.execution.process_tree import ProcessTree
from bench.execution.server_process import PeerServer
from bench.model.run import ServerSample
from bench.model.target import Start

WAIT_S = 300
BURNT_S = 0.4
TOLERANCE_S = 0.15
"""What a Python needs to end after it has reported, and four readings that are each cut to a tick of 10 ms."""
CUT_S = 0.04
BURN = f"""if True:
    import time
    memory = b"x" * (20 << 20)
    while time.process_time() < {BURNT_S}:
        pass
    print("used", time.process_time(), flush=True)
"""
STAY = "import time; time.sleep(600)"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(*words: str) -> Child:
        children.append(Child(words, tmp_path / f"{len(children)}.log", grace_s=1))
        return children[-1]

    yield start
    for child in children:
        child.stop()


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


def reported_s(child: Child) -> list[float]:
    """Return the CPU time that each burner reported so far."""
    return [float(line.split()[1]) for line in child.output().splitlines() if line.startswith("used ")]


def sampled(tree: ProcessTree, until: Callable[[], bool]) -> list[ServerSample]:
    """Sample a tree ten times a second until something is so, and once more."""
    samples, deadline = [tree.sample()], time.monotonic() + WAIT_S
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)
        samples.append(tree.sample())
    return [*samples, tree.sample()]


def assert_never_falls(samples: list[ServerSample]) -> None:
    assert all(before.cpu_s <= after.cpu_s for before, after in pairwise(samples))


def test_a_server_behind_a_shell_is_charged_what_it_used(start: Callable[..., Child]) -> None:
    child = start("sh", "-c", f"{python(BURN + 'time.sleep(600)')} & wait")
    samples = sampled(ProcessTree(child.pid), lambda: len(reported_s(child)) == 1)
    assert samples[-1].cpu_s == pytest.approx(reported_s(child)[0], abs=TOLERANCE_S)
    assert_never_falls(samples)
    last = samples[-1]
    assert (last.pid, last.processes) == (child.pid, 2)
    assert last.rss_bytes > psutil.Process(child.pid).memory_info().rss + (20 << 20)


def test_all_workers_of_a_launcher_are_counted(start: Callable[..., Child]) -> None:
    launcher = f"""if True:
        import subprocess, sys
        workers = [subprocess.Popen([sys.executable, "-c", {BURN + "time.sleep(600)"!r}]) for _ in range(2)]
        print("up", flush=True)
        workers[0].wait()
    """
    child = start(sys.executable, "-c", launcher)
    tree = ProcessTree(child.pid)
    sampled(tree, lambda: "up" in child.output())
    launched_s = tree.sample().cpu_s
    samples = sampled(tree, lambda: len(reported_s(child)) == 2)
    own = psutil.Process(child.pid).cpu_times()
    used_s = own.user + own.system + sum(reported_s(child))
    assert samples[-1].cpu_s == pytest.approx(used_s, abs=2 * TOLERANCE_S)
    assert samples[-1].cpu_s > launched_s
    assert samples[-1].processes == 3
    assert_never_falls(samples)


@pytest.mark.parametrize("disposition", ["SIG_DFL", "SIG_IGN"])
def test_an_ended_child_counts_once_waited_for_or_not(
    disposition: str, start: Callable[..., Child], tmp_path: Path
) -> None:
    """Linux adds a child's time to a parent that waits for it, and to none that ignores SIGCHLD."""
    may_end = tmp_path / "may_end"
    burn_and_end = f"{BURN}    import os\n    while not os.path.exists({str(may_end)!r}): time.sleep(0.01)\n"
    parent = f"""if True:
        import signal, subprocess, sys, time
        signal.signal(signal.SIGCHLD, signal.{disposition})
        child = subprocess.Popen([sys.executable, "-c", {burn_and_end!r}])
        while child.poll() is None:
            time.sleep(0.01)
        print("ended", flush=True)
        time.sleep(600)
    """
    child = start(sys.executable, "-c", parent)
    tree = ProcessTree(child.pid)
    samples = sampled(tree, lambda: len(reported_s(child)) == 1)
    assert samples[-1].processes == 2
    may_end.touch()
    samples += sampled(tree, lambda: "ended" in child.output())
    own = psutil.Process(child.pid).cpu_times()
    assert samples[-1].cpu_s == pytest.approx(own.user + own.system + reported_s(child)[0], abs=TOLERANCE_S)
    assert samples[-1].processes == 1
    assert_never_falls(samples)


def test_children_that_ended_before_they_were_seen_count(start: Callable[..., Child]) -> None:
    child = start("sh", "-c", f"{python(BURN)}; echo ended; {python(STAY)}")
    deadline = time.monotonic() + WAIT_S
    while "ended" not in child.output():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert ProcessTree(child.pid).sample().cpu_s >= reported_s(child)[0] - CUT_S


@pytest.mark.parametrize("launch", ["", "setsid "])
def test_one_whose_parent_ended_still_belongs_to_the_server(
    launch: str, start: Callable[..., Child], tmp_path: Path
) -> None:
    """Its shell ends first; with `setsid` it is in a session of its own, too."""
    may_end = tmp_path / "may_end"
    burner = python(f"{BURN}    import os\n    print('pid', os.getpid(), flush=True)\n    time.sleep(600)")
    leaving = f"{launch}{burner} & until [ -e {may_end} ]; do sleep 0.05; done"
    child = start("sh", "-c", f"({leaving}) & {python(STAY)}")
    tree = ProcessTree(child.pid)
    samples = sampled(tree, lambda: "pid " in child.output())
    burning = psutil.Process(int(child.output().split("pid ")[1].split()[0]))
    try:
        assert samples[-1].cpu_s >= reported_s(child)[0] - CUT_S
        may_end.touch()
        samples += sampled(tree, lambda: burning.ppid() not in {process.pid for process in tree.processes()})
        assert burning in tree.processes()
        assert samples[-1].cpu_s >= reported_s(child)[0] - CUT_S
        assert_never_falls(samples)
    finally:
        burning.kill()  # in a session of its own it does not end with the others


def test_a_tree_ends_with_its_first_process(start: Callable[..., Child]) -> None:
    child = start(sys.executable, "-c", STAY)
    tree = ProcessTree(child.pid)
    child.stop()
    with pytest.raises(psutil.NoSuchProcess):
        tree.sample()
    with pytest.raises(psutil.NoSuchProcess):
        ProcessTree(child.pid)


def test_a_sample_of_a_peer_is_that_of_its_tree(tmp_path: Path) -> None:
    burn = "import http.server, sys, time\nwhile time.process_time() < 0.2: pass\n"
    serve = f"{burn}http.server.test(port=int(sys.argv[1]), bind='127.0.0.1')"
    command = shlex.join(["sh", "-c", f"{python(serve)} {{port}} & wait"])
    with PeerServer(Start(command), tmp_path / "log") as server:
        server.await_ready(Interruption())
        sample = server.sample()
        assert sample.processes == 2
        assert sample.cpu_s > 0.15, "of the 0.2 s that the server used first; the shell uses next to nothing"


def test_a_peer_in_the_background_is_refused_and_does_not_outlive_the_run(tmp_path: Path) -> None:
    serve = "import http.server, sys; http.server.test(port=int(sys.argv[1]), bind='127.0.0.1')"
    detach = (
        "import subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, '-c', {serve!r}, sys.argv[1]], start_new_session=True); time.sleep(0.5)"
    )
    command = shlex.join([sys.executable, "-c", detach, "{port}"])
    with PeerServer(Start(command), tmp_path / "log") as server:
        while server.exit_code() is None or server._address() is None:
            time.sleep(0.05)
        with pytest.raises(TrialError, match="runs in the background"):
            server.await_ready(Interruption())
    assert server._ours() == []


def test_a_freeze_stops_the_whole_tree(start: Callable[..., Child]) -> None:
    spin = (
        f"import time; print('up', flush=True); end = time.monotonic() + {WAIT_S}\nwhile time.monotonic() < end: pass"
    )
    child = start("sh", "-c", f"{python(spin)} & {python(spin)} & wait")
    sampled(ProcessTree(child.pid), lambda: child.output().count("up") == 2)
    seen: list[tuple[set[str], float]] = []

    def look(seconds: float) -> None:
        before_s = sum(each.cpu_times().user for each in tree.processes())
        time.sleep(seconds)
        states = {str(each.status()) for each in tree.processes()}
        grown = sum(each.cpu_times().user for each in tree.processes()) - before_s
        seen.append((states, grown))

    tree = ProcessTree(child.pid)
    frozen = freeze(child.pid, 0.3, look)
    assert seen == [({psutil.STATUS_STOPPED}, 0.0)]
    assert frozen.shortest_s >= 0.3
    assert frozen.worked_s > 0, "both are busy"
    assert psutil.STATUS_STOPPED not in {each.status() for each in tree.processes()}
    os.kill(child.pid, signal.SIGTERM)
