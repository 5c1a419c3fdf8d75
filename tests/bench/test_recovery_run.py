"""Recovery from real storms: what was withdrawn is in the row, and empty seconds are no recovery."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from bench.analysis.cells import summarise
from bench.model.plan import Trial
from bench.presentation.report.scenario import scenario_page
from bench.scenarios.conditions import Conditions
from bench.scenarios.disturbance import planned_disturbance
from bench.scenarios.recovery import time_to_recover_s
from bench.scenarios.result import read_scenario_result
from bench.scenarios.rows import make_rows
from bench.scenarios.scenario import Variation
from bench.storage.campaign_folder import CampaignFolder
from loadtest.ledger import result as swarm_result
from server.testing.server_process import ServerProcess
from tests.bench.command import bench
from tests.bench.made_up import ENVIRONMENT, SECOND, plan, run
from tests.swarm_process import swarm_command, wait_until

STORM = """
title = "Storm"
shows = "It."
look_at = "The rows."

[conditions]
users = 6
room_rate = 100
warmup_s = 0.2
drain_s = 1
duration_s = 7
slo_ms = 60000
reconnect_at_s = 2
reconnect_jitter_s = 2
rejoin_every_s = 0.2
"""


@pytest.mark.long
def test_a_storms_withdrawn_messages_are_in_its_row_table_and_report(tmp_path: Path) -> None:
    path, out = tmp_path / "storm.toml", tmp_path / "out"
    path.write_text(STORM)
    done = bench("run", str(path), "--out", str(out), "--strategies", "queue")
    (row,) = read_scenario_result(out).rows
    assert row.cell is not None, done.stderr
    (measured,) = CampaignFolder(out / "run").read_runs()
    assert measured.swarm is not None
    timeline = measured.swarm.steps[0].timeline
    assert 0 < row.cell.withdrawn_messages == sum(second.withdrawn for second in timeline)
    planned = row.cell.planned_messages + row.cell.withdrawn_messages
    assert f"{row.cell.withdrawn_messages} of {planned}" in done.stdout
    remarks = [remark.text for remark in scenario_page(out).remarks]
    assert any("withdrawn" in text and f"{row.cell.withdrawn_messages} of {planned}" in text for text in remarks)


@pytest.mark.long
def test_seconds_in_which_all_were_away_are_no_recovery(tmp_path: Path) -> None:
    """A server that admits nobody for three seconds of a storm, as it is stopped before the storm."""
    out = tmp_path / "out.json"
    load = ("--steps", "5", "--dwell", "10", "--room-rate", "100", "--warmup", "0.2", "--drain", "5")
    storm = ("--reconnect-at", "3", "--rejoin-every", "0.2", "--only-summary", "-r", "100")
    with ServerProcess("--strategy", "queue") as server:
        swarm = subprocess.Popen(
            swarm_command(server.url, *load, *storm, "--swarm-out", str(out)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until(lambda: int(server.stats()["messages_in"]) > 40)
        os.kill(server.process.pid, signal.SIGSTOP)
        time.sleep(6)
        os.kill(server.process.pid, signal.SIGCONT)
        output, _ = swarm.communicate(timeout=300)
    (step,) = swarm_result.read(out).steps
    conditions = Conditions(users=5, reconnect_at_s=3, rejoin_every_s=0.2, slo_ms=60_000)
    disturbance = planned_disturbance(conditions, step)
    assert disturbance is not None
    away = [second for second in step.timeline if second.withdrawn and not second.messages]
    assert away, output
    assert all(second.expected == 0 for second in away)

    made = plan(("queue",), users=(5,))
    trial: Trial = made.trials[0]
    runs = [run(trial, [step])]
    (row,) = make_rows(Variation("run", conditions), summarise(made, ENVIRONMENT, runs), runs, {})
    assert row.cell is not None
    assert row.cell.withdrawn_messages >= sum(second.withdrawn for second in away)
    assert row.time_to_recover_s is not None, output
    recovered_ns = disturbance.end_ns + row.time_to_recover_s * 1e9
    assert recovered_ns >= away[-1].start_ns + SECOND

    # As if all had come back between two seconds, so that only the empty ones tell that nobody was there.
    at_once = [second for second in step.timeline if not second.withdrawn or not second.messages]
    recovery_s = time_to_recover_s(msgspec.structs.replace(step, timeline=at_once), 60_000, disturbance)
    assert recovery_s >= (away[-1].start_ns + SECOND - disturbance.end_ns) / 1e9
