"""What it costs to watch a run, measured in a small real campaign."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.claims.stored_results import StoredResults
from bench.presentation.figures.validations import live_cost
from bench.validation.live_cost import UNWATCHED, WATCHED, main, read_live_cost


@pytest.mark.long
def test_both_swarms_are_measured_and_only_one_is_watched(tmp_path: Path) -> None:
    out = tmp_path / "live-cost"
    flags = ("--users", "10", "--room-rate", "100", "--duration", "2", "--blocks", "1", "--out", str(out))
    ended = CliRunner().invoke(main, flags)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.output
    summary = StoredResults(tmp_path).summary("live-cost")
    assert ended.exit_code == (0 if summary.valid else 3), ended.output
    assert {cell.strategy for cell in summary.cells} == {UNWATCHED, WATCHED}
    cost = read_live_cost(out)
    assert cost.sampling_cpu_ms
    assert all(time_ms > 0 for time_ms in cost.sampling_cpu_ms)
    logs = sorted(path.name for path in (out / "logs").glob("*.live.jsonl"))
    assert logs
    assert all(WATCHED in name and UNWATCHED not in name for name in logs)
    again = CliRunner().invoke(main, ["--out", str(out)])
    assert (again.exit_code, "--out" in again.output) == (2, True)
    if summary.valid:
        table = live_cost(StoredResults(tmp_path), "live-cost")
        assert "10 users, 100 messages/s" in table
        assert "A sample takes" in table
