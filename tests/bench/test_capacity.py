"""Whole capacity searches, with real servers and real swarms; no test here judges times."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.capacity.conclusion import conclude
from bench.capacity.result import Axis, CapacityResult, Limit, read_capacity
from bench.capacity.search import Outcome
from bench.commands.capacity import capacity
from bench.storage.checkout import PACKAGES

QUICK = ("--duration", "1", "--warmup", "0.2", "--drain", "3", "--repeats", "1", "--max-minutes", "0.75")
LIMIT_S = 300


class Search:
    """`python -m bench capacity` as a process."""

    def __init__(self, out: Path, *flags: str) -> None:
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench", "capacity", *QUICK, "--out", str(out), *flags],
            cwd=PACKAGES,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> tuple[int, str, CapacityResult]:
        output, _ = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, output, read_capacity(self.out)


BY_RATE = ("--by", "rate", "--users", "3", "--start", "40", "--arrival", "constant")  # as many are due as the rate says
AT_ONCE = {
    "rate": ("--strategies", "direct,queue", "--slo-ms", "9000", *BY_RATE),
    "impossible": ("--strategies", "direct", "--slo-ms", "0.001", "--start", "2"),
    "interrupted": ("--strategies", "direct", "--slo-ms", "9000", "--start", "2"),
}


@pytest.fixture(scope="module", autouse=True)
def searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Search]]:
    """Start all searches at once, as no test here judges times; each test waits for its own."""
    folder = tmp_path_factory.mktemp("searches")
    started = {name: Search(folder / name, *flags, "--limit", "40") for name, flags in AT_ONCE.items()}
    yield started
    for search in started.values():
        search.process.kill()
        search.process.communicate()


@pytest.mark.long
def test_an_interrupted_search_keeps_its_results(searches: dict[str, Search]) -> None:
    search = searches["interrupted"]
    deadline = time.monotonic() + LIMIT_S
    while not ((search.out / "capacity.json").exists() and read_capacity(search.out).tries):
        assert search.process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    search.process.send_signal(signal.SIGINT)
    code, output, result = search.finish()
    assert code == 3
    assert [each.load for each in result.tries] == [2]
    assert not result.capacities[0].confirmed
    assert "Not confirmed: the search ended early." in " ".join(output.split())
    assert (search.out / "charts" / "capacity.svg").exists()


@pytest.mark.long
def test_every_strategy_is_tried_and_every_try_is_stored(searches: dict[str, Search]) -> None:
    search = searches["rate"]
    code, output, result = search.finish()
    assert [(each.strategy, each.load) for each in result.tries][:2] == [("direct", 40), ("queue", 40)]
    for each in result.tries:
        assert each.cell is not None
        assert (each.cell.users, each.cell.planned_messages) == (3, each.load)
        assert each.cell.expected == each.cell.delivered == 3 * each.load
        assert (each.outcome is Outcome.HELD) == each.cell.valid
        assert (search.out / "runs" / f"block{each.number}-{each.strategy}.json").exists()
        assert f"{each.number}. {each.strategy}, {each.load} messages/s: {each.outcome.label}" in output
    assert result.plan.by is Axis.RATE
    assert result == conclude(result.plan, result.environment, result.tries)
    if all(each.outcome is Outcome.HELD for each in result.tries):
        assert "Maximum messages/s within the SLO (p99 <= 9000 ms): direct at least 40, queue at least 40." in output
        assert code == 0


def test_an_impossible_slo_is_met_by_no_strategy(searches: dict[str, Search]) -> None:
    search = searches["impossible"]
    _, output, result = search.finish()
    (found,) = result.capacities
    assert found.held == 0
    assert {each.load for each in result.tries} == {2, 1}
    if all(each.outcome is Outcome.FAILED for each in result.tries):
        assert (found.limited_by, found.high) == (Limit.SERVER, 1)
        assert "direct: none (no load within the SLO in all tries, all failed at 1)." in output
    assert (search.out / "charts" / "capacity.svg").exists()


def planned(out: Path, *flags: str) -> tuple[CapacityResult, str]:
    """Plan a search that has no time for a try, and return its result and its messages."""
    run = CliRunner().invoke(capacity, ["--strategies", "direct", "--max-minutes", "0.01", "--out", str(out), *flags])
    assert run.exit_code == 3
    return read_capacity(out), " ".join(run.stderr.split())


def test_without_time_for_a_try_there_is_no_result(tmp_path: Path) -> None:
    result, messages = planned(tmp_path / "new")
    assert "the time is up: --max-minutes 0.01" in messages
    assert result.tries == []


@pytest.mark.parametrize(
    ("flags", "duration_s"),
    [
        ((), 10),
        (("--percentile", "99.9"), 100),
        (("--percentile", "50"), 5),
        (("--room-rate", "30"), 34),
        (("--by", "rate", "--start", "40"), 25),
    ],
    ids=["default", "p99.9", "p50", "30/s", "by rate"],
)
def test_windows_are_as_long_as_the_percentile_needs(tmp_path: Path, flags: tuple[str, ...], duration_s: int) -> None:
    result, messages = planned(tmp_path / "new", *flags)
    assert result.plan.workload.duration_s == duration_s
    assert result.plan.workload.arrival == "poisson"
    assert result.supported_percentile is not None
    assert result.supported_percentile >= result.plan.percentile.number
    assert "A window" not in messages


def test_windows_that_are_too_short_for_the_percentile_are_told_at_once(tmp_path: Path) -> None:
    result, messages = planned(tmp_path / "new", "--duration", "3")
    assert "A window of 3 s has about 300 messages, which carry p90: p99 needs 1,000, so that 10 lie beyond" in messages
    assert "give --duration 10 or more" in messages
    assert result.supported_percentile == 90


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--start", "20", "--limit", "10"), "20 is above --limit 10; start lower or raise the limit"),
        (("--percentile", "95"), "'95' is not one of '50', '90', '99', '99.9'"),
        (("--by", "size"), "'size' is not one of 'users', 'rate'"),
        (("--repeats", "0"), "0 is not in the range x>=1"),
        (("--strategies", "nope"), "unknown strategy 'nope'; choose "),
    ],
)
def test_invalid_options_are_refused_with_what_is_allowed(flags: tuple[str, ...], message: str, tmp_path: Path) -> None:
    run = CliRunner().invoke(capacity, [*flags, "--out", str(tmp_path / "new")])
    assert run.exit_code == 2
    assert message in " ".join(run.output.split())
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [None, "{", '{"format": 99}'])
def test_an_invalid_result_file_is_refused_with_what_to_do(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "capacity.json").write_text(content)
    with pytest.raises(ValueError, match="give a folder that `capacity` wrote"):
        read_capacity(tmp_path)
