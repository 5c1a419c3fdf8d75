"""Whole campaigns: real servers, real swarms, and what happens when one of them fails."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import psutil
import pytest
from websockets.sync.client import connect

from bench.model.plan import Plan
from bench.model.summary import Summary
from bench.presentation.report.reproduce import compare_command
from bench.storage.campaign_folder import CampaignFolder, StoredPlan
from bench.storage.checkout import PACKAGES
from tests.swarm_process import other_than_busy

QUICK = (
    *("--users", "3,6", "--duration", "1", "--warmup", "0.2", "--drain", "3", "--arrival", "constant"),
    *("--retries", "0"),
)
"""Even arrivals: as many messages are due as the rate says. No retries: a busy machine must not add runs."""
LIMIT_S = 300


class Bench:
    """`python -m bench compare` as a process, watched from outside."""

    def __init__(self, out: Path, *flags: str) -> None:
        self.store = CampaignFolder(out)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench", "compare", *QUICK, "--out", str(out), *flags],
            cwd=PACKAGES,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.seen: set[psutil.Process] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
        for child in self.leftovers(within_s=0):
            child.kill()

    def await_plan(self) -> Plan:
        """Wait until the plan is on disk."""
        path = self.store.directory / "plan.json"
        self._await(path.exists)
        return msgspec.json.decode(path.read_bytes(), type=StoredPlan).plan

    def await_child(self, module: str, when: Callable[[], bool] = lambda: True) -> psutil.Process:
        """Wait for `when`, then for a child of a trial that runs `module`; return it."""
        found: list[psutil.Process] = []

        def ready() -> bool:
            running = psutil.Process(self.process.pid).children(recursive=True)
            self.seen |= set(running)
            found[:] = [child for child in running if _runs(child, module)]
            return bool(found) and self.store.logs.exists() and when()

        self._await(ready)
        return found[0]

    def well_after_a_step_of(self, trial: str) -> Callable[[], bool]:
        """Tell whether a trial's first step has been over for longer than the server's sampling is apart."""
        path = self.store.logs / f"{trial}.swarm.json"
        return lambda: path.exists() and time.time() - path.stat().st_mtime > 0.4

    def finish(self) -> tuple[int, str]:
        """Wait for the end and return exit code and output."""
        output, _ = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, output

    def leftovers(self, within_s: float = 10) -> list[psutil.Process]:
        """Return which of the processes seen are still there once they had time to end."""
        return psutil.wait_procs(self.seen, timeout=within_s)[1]

    def summary(self) -> Summary:
        return self.store.read_summary()

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert self.process.poll() is None, self.finish()
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _runs(process: psutil.Process, module: str) -> bool:
    try:
        return process.cmdline()[1:3] == ["-m", module]
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Start benches in the test's folder; whatever they leave behind is ended after the test."""
    with ExitStack() as stack:
        yield lambda *flags: stack.enter_context(Bench(tmp_path / "campaign", *flags))


@pytest.fixture(scope="module", autouse=True)
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Start a campaign that nobody disturbs; it runs beside the other tests, as nothing here judges times."""
    flags = ("--strategies", "direct,queue", "--room-rate", "50")
    with Bench(tmp_path_factory.mktemp("undisturbed") / "campaign", *flags) as bench:
        yield bench


@pytest.mark.long
def test_a_campaign_survives_its_trials_and_keeps_what_each_had_measured(start: Callable[..., Bench]) -> None:
    bench = start("--strategies", "direct,direct,direct", "--seed", "1")
    first, second, third = (trial.name for trial in bench.await_plan().trials)

    bench.await_child("server", when=bench.well_after_a_step_of(first)).kill()
    bench.await_child("locust", when=bench.well_after_a_step_of(second)).kill()
    bench.await_child("locust", when=bench.well_after_a_step_of(third))
    bench.process.send_signal(signal.SIGINT)

    code, output = bench.finish()
    assert code == 3
    assert f"{first}: the server was killed by SIGKILL under load" in output
    assert f"{second}: the swarm was killed by SIGKILL" in output
    assert f"{third}: interrupted by SIGINT" in output
    summary = bench.summary()
    assert len(summary.failures) == 3
    finished = [cell for cell in summary.cells if cell.users == 3]
    assert {f"block1-{cell.strategy}" for cell in finished} == {first, second, third}
    assert not any("the server" in reason for cell in finished for reason in cell.reasons)
    assert bench.store.charts.exists()
    assert not bench.leftovers()


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
@pytest.mark.parametrize(("swarm_workers", "processes"), [("1", 1), ("2", 3)])
def test_a_bench_that_is_killed_outright_leaves_no_process_behind(
    start: Callable[..., Bench], swarm_workers: str, processes: int
) -> None:
    bench = start("--strategies", "direct", "--swarm-workers", swarm_workers)
    bench.await_child("locust", when=lambda: sum(_runs(child, "locust") for child in bench.seen) == processes)
    bench.await_child("server")
    bench.process.kill()
    assert not bench.leftovers(within_s=20)


@pytest.mark.long
def test_a_stranger_in_the_room_makes_a_trial_invalid(start: Callable[..., Bench]) -> None:
    bench = start("--strategies", "direct")
    bench.await_child("locust")
    log = bench.store.logs / "block1-direct.server.log"
    port = log.read_text().split("127.0.0.1:")[1].split()[0]
    with connect(f"ws://127.0.0.1:{port}/chat?user_id=stranger", max_queue=None):
        code, output = bench.finish()
    assert code == 3
    assert "somebody else was in the room" in output
    assert not any(cell.valid for cell in bench.summary().cells)


@pytest.mark.long
def test_two_swarm_workers_give_the_ledger_of_one(start: Callable[..., Bench]) -> None:
    bench = start("--strategies", "direct", "--swarm-workers", "2", "--room-rate", "50")
    bench.finish()
    cells = bench.summary().cells
    assert [cell.expected for cell in cells] == [cell.delivered for cell in cells] == [150, 300]
    # That this machine was busy with something else is no fault of the workers'.
    assert other_than_busy(reason for cell in cells for reason in cell.reasons) == []


def test_a_campaign_accounts_for_every_delivery(undisturbed: Bench) -> None:
    bench = undisturbed
    code, output = bench.finish()
    summary = bench.summary()
    assert {(cell.strategy, cell.users) for cell in summary.cells} == {
        (strategy, users) for strategy in ("direct", "queue") for users in (3, 6)
    }
    for cell in summary.cells:
        assert cell.planned_messages == 50
        assert cell.expected == cell.delivered == 50 * cell.users
        assert (cell.missing, cell.duplicates, cell.reordered) == (0, 0, 0)
        assert cell.server.cpu_percent is not None
        assert cell.server.rss_mib
        assert cell.latency_ms.max
    assert (summary.not_measured, summary.failures) == ([], [])
    assert code == (0 if all(cell.valid for cell in summary.cells) else 3), output
    assert "Maximum users within the SLO (p99 <= 50 ms, in windows too short for a p99):" in output
    assert {path.suffix for path in bench.store.charts.iterdir()} == {".png", ".svg"}
    assert sorted(path.name for path in bench.store.runs.iterdir()) == [
        "block1-direct.json",
        "block1-queue.json",
    ]
    assert (bench.store.directory / "summary.csv").read_text().count("\n") == 5


@pytest.mark.long
def test_a_rival_gets_the_same_swarm_and_is_not_asked_for_counters(start: Callable[..., Bench]) -> None:
    command = f"{sys.executable} -m server --strategy direct --notice-limit 0 --port {{port}}"
    bench = start("--strategies", "direct", "--rival", f"mine={command}")
    code, output = bench.finish()
    summary = bench.summary()
    assert [arm.label for arm in summary.plan.arms] == ["direct", "mine"]
    (peer,) = [cell for cell in summary.cells if (cell.strategy, cell.users) == ("mine", 6)]
    assert (peer.delivered, peer.missing) == (600, 0)
    assert peer.server.cpu_percent is not None
    assert peer.server.loop_lag_p99_ms is None
    assert code == (0 if summary.valid else 3), output
    assert "--rival" in compare_command(summary.plan)
