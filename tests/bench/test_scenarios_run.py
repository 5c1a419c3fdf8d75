"""Scenario runs with real servers and swarms: frozen, killed and overloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scenarios.result import Row, ScenarioResult, read_scenario_result
from bench.storage.campaign_folder import CampaignFolder
from tests.bench.command import bench
from tests.swarm_process import other_than_busy

SCENARIO = """
title = "Tiny"
shows = "That it works."
look_at = "The rows."

[conditions]
users = 6
room_rate = 50
warmup_s = 0.2
drain_s = 2
"""


def run(tmp_path: Path, conditions: str, *flags: str) -> ScenarioResult:
    path = tmp_path / "tiny.toml"
    path.write_text(SCENARIO + conditions)
    done = bench("run", str(path), "--out", str(tmp_path / "out"), *flags)
    assert (tmp_path / "out" / "scenario.json").exists(), done.stderr
    result = read_scenario_result(tmp_path / "out")
    assert done.returncode == (0 if result.valid else 3), done.stderr
    for row in result.rows:
        assert row.cell is not None, row.reason
        assert other_than_busy(row.cell.reasons) == []
    assert "Look at: The rows." in done.stdout
    return result


def missing(row: Row) -> int:
    assert row.cell is not None
    return row.cell.missing


def test_built_in_and_own_scenarios_are_listed(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SCENARIO.replace("The rows.", "The rows. [/]"))
    listed = bench("scenarios", "--folder", str(tmp_path))
    assert listed.returncode == 0, listed.stderr
    for word in ("steady", "reconnect-storm", "tiny", "Look at: The rows. [/]"):
        assert word in listed.stdout


@pytest.mark.long
def test_a_freeze_delays_but_loses_nothing(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "duration_s = 3\nfreeze_at_s = 1\nfreeze_for_s = 0.6\nstalled = [0, 1]\n",
        *("--strategies", "direct"),
    )
    assert [(row.variation, row.strategy) for row in result.rows] == [("stalled-0", "direct"), ("stalled-1", "direct")]
    for row in result.rows:
        assert row.cell is not None
        assert (row.cell.users, row.cell.missing, row.kicked) == (6, 0, 0)
        assert row.cell.latency_ms.p99 is not None
        assert row.cell.latency_ms.p99 > 300
        assert row.memory_peak_mib
    assert (tmp_path / "out" / "charts" / "stalled_members.svg").exists()
    folder = CampaignFolder(tmp_path / "out" / "stalled-1")
    assert len(folder.read_runs()) == 1
    assert folder.read_summary().cells


@pytest.mark.long
def test_a_killed_server_loses_deliveries_and_its_users_rejoin(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        'arrival = "constant"\nduration_s = 7\nkill_at_s = 2\ndown_for_s = 0.3\nrejoin_every_s = 0.2\n',
        *("--strategies", "queue"),
    )
    (row,) = result.rows
    assert row.cell is not None
    assert row.cell.expected == 6 * 50 * 7
    assert 0 < row.cell.missing < row.cell.expected / 2
    assert row.cell.latency_ms.p99 is None
    assert row.cell.server.cpu_percent is None, "of two processes"
    (measured,) = CampaignFolder(tmp_path / "out" / "run").read_runs()
    assert measured.swarm is not None
    assert measured.swarm.members_lost == 6
    last = measured.swarm.steps[0].timeline[-1]
    assert last.delivered == last.expected == 300


@pytest.mark.long
@pytest.mark.parametrize("disturbance", ["reconnect_at_s = 2\nreconnect_jitter_s = 0.5", "burst_factor = 4"])
def test_churn_with_a_storm_or_a_burst_loses_nothing(tmp_path: Path, disturbance: str) -> None:
    result = run(
        tmp_path,
        f"duration_s = 4\nchurn_rate = 3\n{disturbance}\n",
        *("--strategies", "direct"),
    )
    assert [missing(row) for row in result.rows] == [0]
    (row,) = result.rows
    assert row.cell is not None
    if "reconnect" in disturbance:
        assert row.cell.withdrawn_messages > 0, "who is away has nothing to send"


@pytest.mark.long
def test_a_soak_merges_consecutive_windows(tmp_path: Path) -> None:
    result = run(tmp_path, "window_s = 1\nslo_ms = 60000\n", "--strategies", "queue", "--duration", "4", "--users", "4")
    (row,) = result.rows
    assert row.cell is not None
    assert row.cell.users == 4
    assert row.cell.window_s >= 3
    assert row.cell.missing == 0
    assert row.time_to_recover_s == 0, "no delivery is late by a minute"
    (measured,) = CampaignFolder(tmp_path / "out" / "run").read_runs()
    assert measured.swarm is not None
    assert measured.swarm.steps[0].windows >= 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("stedy",), "unknown scenario 'stedy'"),
        (("nowhere.toml",), "cannot read nowhere.toml"),
        (("steady", "--strategies", "fast"), "unknown strategy 'fast'"),
        (("stalled", "--users", "20"), "leaves none of 20 users"),
        (("steady", "--out", "."), "is not empty"),
    ],
)
def test_invalid_arguments_are_refused(flags: tuple[str, ...], words: str) -> None:
    done = bench("run", *flags)
    assert done.returncode == 2, done.stderr
    assert words in " ".join(done.stderr.replace("│", " ").split())
