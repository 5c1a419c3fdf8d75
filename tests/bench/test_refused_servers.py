"""Servers that the swarm refuses before users join: the reason is told, and nothing is tried that would end alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.capacity.result import Limit, read_capacity
from bench.scenarios.result import read_scenario_result
from bench.storage.campaign_folder import CampaignFolder
from tests.bench.command import ANY_SPEED, bench
from tests.swarm_process import other_than_busy

NO_ECHO = f"{sys.executable} -m bench.validation.faulty_server --fault no-echo --port {{port}}"
SOUND = f"{sys.executable} -m server --strategy direct --notice-limit 0 --port {{port}}"
QUICK = ("--strategies", "none", "--warmup", "0.1", "--drain", "2")
REASON = "the server does not send a message to its sender"
SCENARIO = """
title = "Tiny"
shows = "That it works."
look_at = "The rows."

[conditions]
users = [3, 4]
room_rate = 20
duration_s = 0.4
warmup_s = 0.1
drain_s = 2
"""


@pytest.mark.long
def test_a_campaign_goes_on_without_the_refused_server(tmp_path: Path) -> None:
    rivals = ("--rival", f"deaf={NO_ECHO}", "--rival", f"sound={SOUND}")
    load = ("--users", "3", "--room-rate", "20", "--duration", "0.4", "--blocks", "3", "--retries", "0")
    done = bench("compare", *QUICK, *rivals, *load, "--out", str(tmp_path / "out"))
    assert done.returncode == 3
    assert f"block1-deaf: {REASON}" in done.stderr
    assert "add --no-echo" in done.stderr
    assert "deaf is not measured; change what the reason says, and begin anew" in done.stderr
    assert "--resume" not in done.stderr
    assert "Traceback" not in done.stderr
    store = CampaignFolder(tmp_path / "out")
    assert [path.name for path in store.logs.glob("*-deaf.swarm.log")] == ["block1-deaf.swarm.log"]
    summary = store.read_summary()
    assert [(cell.strategy, cell.block) for cell in summary.cells] == [("sound", 1), ("sound", 2), ("sound", 3)]
    assert [other_than_busy(cell.reasons) for cell in summary.cells] == [[], [], []]
    first, *later = sorted(summary.failures, key=lambda failure: failure.block)
    assert REASON in first.reason
    assert [failure.reason.partition(",")[0] for failure in later] == ["left out", "left out"]


@pytest.mark.long
def test_a_refused_campaign_is_tried_again_when_it_is_resumed(tmp_path: Path) -> None:
    """The server may be another one by then: here it is asked for a command that a file decides on."""
    link = tmp_path / "server.sh"
    link.write_text(f"exec {NO_ECHO.replace('{port}', '$1')}\n")
    rival = ("--rival", f"mine=sh {link} {{port}}")
    load = ("--users", "3", "--room-rate", "20", "--duration", "0.4", "--blocks", "2", "--retries", "0")
    assert bench("compare", *QUICK, *rival, *load, "--out", str(tmp_path / "out")).returncode == 3
    link.write_text(f"exec {SOUND.replace('{port}', '$1')}\n")
    bench("compare", "--resume", str(tmp_path / "out"), ANY_SPEED)
    assert [cell.block for cell in CampaignFolder(tmp_path / "out").read_summary().cells] == [1, 2]


@pytest.mark.long
def test_a_search_for_the_capacity_ends_at_the_first_try(tmp_path: Path) -> None:
    flags = ("--rival", f"deaf={NO_ECHO}", "--duration", "0.4", "--start", "2")
    done = bench("capacity", *QUICK, *flags, "--out", str(tmp_path / "out"))
    assert done.returncode == 3
    result = read_capacity(tmp_path / "out")
    (only,) = result.tries
    assert (only.refused, REASON in only.reason) == (True, True)
    (found,) = result.capacities
    assert (found.limited_by, found.confirmed, found.evidence) == (Limit.DOUBT, False, only.reason)
    assert "add --no-echo" in " ".join(done.stdout.split())


@pytest.mark.long
def test_a_scenario_tries_a_refused_server_in_its_first_row_only(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SCENARIO)
    flags = ("--strategies", "none", "--rival", f"deaf={NO_ECHO}", "--out", str(tmp_path / "out"))
    assert bench("run", str(tmp_path / "tiny.toml"), *flags).returncode == 3
    first, second = read_scenario_result(tmp_path / "out").rows
    assert REASON in first.reason
    assert second.reason.startswith("left out, as the swarm refused this server")
    assert len(list((tmp_path / "out").rglob("*.swarm.log"))) == 1
