"""What it costs to watch a run, measured in a small real campaign."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.claims.manifest import read_manifest
from bench.claims.stored_results import StoredResults
from bench.presentation.figures.validations import live_cost
from bench.presentation.report.campaign import campaign_page
from bench.validation.live_cost import UNWATCHED, WATCHED, main, read_live_cost
from tests.figures_made_up import store


def test_its_report_says_how_to_run_it_again(tmp_path: Path) -> None:
    store(read_manifest(Path(__file__).parents[2]).campaign("live-cost"), StoredResults(tmp_path))
    page = campaign_page(tmp_path / "live-cost")
    assert page.sections[-1].commands[-1] == "python -m bench.validation.live_cost --blocks 16"


def test_the_figure_has_ratios_of_pairs_and_the_share_of_a_sample(tmp_path: Path) -> None:
    """The made-up samples take 1.25 ms of CPU time in the median, the made-up swarm 40 % of its core."""
    store(read_manifest(Path(__file__).parents[2]).campaign("live-cost"), StoredResults(tmp_path))
    text = " ".join(live_cost(StoredResults(tmp_path), "live-cost").split())
    assert "| ratio | 1.000 | | 1.00 | | |" in text
    assert "A sample takes 1.25 ms of CPU time once a second, 0.31 % of what this swarm uses (40 % of its core)" in text


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
