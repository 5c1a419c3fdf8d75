"""Members that leave and rejoin: churn, reconnect storms, and users that fell out; the ledger stays exact."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from loadtest.ledger import result
from loadtest.schedule.churn import Churn
from loadtest.schedule.window_order import WindowOrder
from server.testing.server_process import ServerProcess
from tests.swarm_process import free_port, is_valid_unless_busy, only_step, run_swarm, swarm_command, wait_until

SECOND_NS = 1_000_000_000
ORDER = WindowOrder(0, list(range(100, 200)), 0, 2 * SECOND_NS, 22 * SECOND_NS)
SHORT = (
    "--only-summary",
    "-r",
    "200",
    "--warmup",
    "0.3",
    "--drain",
    "1",
    "--room-rate",
    "100",
    "--arrival",
    "constant",
)


def test_churn_is_poisson_over_the_whole_window_and_its_warm_up() -> None:
    departures = Churn(50.0, 0, 0.0).departures(ORDER, np.random.default_rng(1))
    times = np.array([departure.time_ns for departure in departures])
    assert abs(len(times) - 22 * 50) < 5 * np.sqrt(22 * 50)
    assert (np.diff(times) >= 0).all()
    assert times[0] >= 0
    assert times[-1] < ORDER.end_ns
    gaps_s = np.diff(times) / 1e9
    assert gaps_s.std() == pytest.approx(gaps_s.mean(), rel=0.15)
    assert {departure.user for departure in departures} == set(ORDER.members)
    assert not any(departure.is_drop or departure.away_s for departure in departures)


def test_in_a_storm_all_drop_at_once_and_rejoin_spread_out() -> None:
    departures = Churn(0.0, 5 * SECOND_NS, 3.0).departures(ORDER, np.random.default_rng(1))
    assert {departure.time_ns for departure in departures} == {7 * SECOND_NS}
    assert sorted(departure.user for departure in departures) == ORDER.members
    assert all(departure.is_drop for departure in departures)
    away_s = np.array([departure.away_s for departure in departures])
    assert away_s.min() >= 0
    assert away_s.max() <= 3
    assert away_s.mean() == pytest.approx(1.5, abs=0.5)


def test_no_user_leaves_by_default() -> None:
    assert not Churn(0.0, 0, 3.0)


def test_a_churning_room_misses_nothing(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server("--strategy", "queue")
    flags = ("--steps", "10", "--dwell", "4", "--churn-rate", "5", "--seed", "3")
    run = run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags)
    step = only_step(run)
    assert is_valid_unless_busy(step), step.reasons
    assert (step.joined, step.missing, step.duplicates, step.reordered, step.foreign) == (10, 0, 0, 0, 0)
    assert step.not_judged > 0
    assert 0 < step.expected == step.delivered
    assert step.offered_messages == step.planned_messages == 400 - step.withdrawn_messages <= 400
    assert step.drained
    if sys.platform == "linux":
        assert step.generator.reads_without_timestamp == 0, "also what came together with a handshake has its time"
    # In the room, or just changing: what was not judged for one that left and what it was not in for is all there is.
    assert step.expected + step.not_judged <= 10 * step.planned_messages


@pytest.mark.long
def test_after_a_storm_every_delivery_is_expected_again(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server("--strategy", "queue")
    flags = ("--steps", "10", "--dwell", "6", "--reconnect-at", "2.5", "--reconnect-jitter", "1")
    run = run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags)
    step = only_step(run)
    assert is_valid_unless_busy(step), step.reasons
    assert (step.missing, step.duplicates, step.reordered) == (0, 0, 0)
    by_second = [second.expected for second in step.timeline]
    assert by_second[0] == by_second[5] == 1000
    assert by_second[2] < 300  # the second before the storm is not judged, and after it they come back one by one
    assert by_second[3] < 1000
    assert step.planned_messages < 600, "who is away has nothing to send"
    assert step.offered_messages == step.planned_messages == 600 - step.withdrawn_messages
    assert [second.messages + second.withdrawn for second in step.timeline] == [100] * 6
    assert f"{step.withdrawn_messages} of 600 planned messages" in run.output


@pytest.mark.long
def test_deliveries_to_a_user_that_rejoins_were_expected_meanwhile(tmp_path: Path) -> None:
    port, out = str(free_port()), tmp_path / "out.json"
    flags = ("--steps", "5", "--dwell", "8", "--rejoin-every", "0.2", "--swarm-out", str(out))
    with ServerProcess("--port", port) as first:
        swarm = subprocess.Popen(
            swarm_command(first.url, *SHORT, *flags), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        wait_until(lambda: int(first.stats()["messages_in"]) > 130)
        first.process.kill()
        first.process.wait()
        with ServerProcess("--port", port):
            output, _ = swarm.communicate(timeout=300)
    measured = result.read(out)
    (step,) = measured.steps
    assert is_valid_unless_busy(step), (step.reasons, output)
    assert measured.members_lost == 5
    assert step.expected == 5 * step.planned_messages == 5 * 800
    assert 0 < step.missing < 5 * 700
    assert step.timeline[-1].delivered == step.timeline[-1].expected == 500
    assert swarm.returncode == 1, "what is missing is missing"


@pytest.mark.long
def test_a_burst_is_sent_as_it_was_planned(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server("--strategy", "queue")
    flags = ("--steps", "5", "--dwell", "3", "--burst-factor", "5", "--burst-at", "1", "--burst-for", "1")
    step = only_step(run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags))
    assert [second.messages for second in step.timeline] == [100, 500, 100]
    assert step.expected == step.delivered == 5 * 700


@pytest.mark.long
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--burst-factor", "0"), "must be a finite number above 0"),
        (("--churn-rate", "-1"), "must be a finite number, 0 or more"),
        (("--burst-at", "3", "--dwell", "2"), "--burst-at 3 is not within a window of 2 s"),
        (("--reconnect-at", "9", "--dwell", "2"), "--reconnect-at 9 is not within a window of 2 s"),
    ],
)
def test_impossible_options_are_refused_with_a_remedy(tmp_path: Path, flags: tuple[str, ...], words: str) -> None:
    run = run_swarm("ws://127.0.0.1:1", tmp_path / "out.json", *SHORT, "--steps", "3", *flags)
    assert run.exit_code != 0
    assert words in run.output


@pytest.mark.long
def test_workers_cannot_plan_who_leaves(tmp_path: Path) -> None:
    port = str(free_port())
    workers = ("--processes", "2", "--master-bind-port", port, "--master-port", port)
    run = run_swarm("ws://127.0.0.1:1", tmp_path / "out.json", *SHORT, "--steps", "3", "--churn-rate", "1", *workers)
    assert run.exit_code == 1
    assert "need a swarm of one process" in run.output
