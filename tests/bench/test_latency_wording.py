"""Latencies in tables: what is known as a bracket, depends on the window, or rests on too few messages says so."""

from __future__ import annotations

import msgspec
import pytest

from bench.analysis.cells import summarise
from bench.claims.medians import p99_lower_ms, p99_ms
from bench.model.summary import Cell
from bench.presentation.comparison_wording import saturation
from bench.presentation.figures.costs import latency_over_blocks
from bench.presentation.scenario_wording import healthy_p99, recovery_s
from bench.scenarios.result import Row
from bench.scenarios.scenario import read_scenario, scenario_file
from tests.bench.made_up import ENVIRONMENT, latency, plan, run, step

CONDITIONS = read_scenario(scenario_file("soak")).variations[0].conditions


def cell(p99: float, lower: float | None = None, *, is_saturated: bool = False, messages: int = 1000) -> Cell:
    made = plan(users=(100,))
    (found,) = summarise(made, ENVIRONMENT, [run(made.trials[0], [step(100, seconds=10)])]).cells
    return msgspec.structs.replace(
        found,
        latency_ms=latency(p99 / 4),
        latency_lower_ms=latency((p99 if lower is None else lower) / 4),
        saturated=is_saturated,
        offered_messages=messages,
        window_s=messages / CONDITIONS.room_rate,
    )


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        ([cell(10)], "10.00"),
        ([cell(10), cell(12), cell(30)], "12.00 (10.00 to 30.00)"),
        ([cell(10, 9.5), cell(12, 11), cell(30, 29)], "12.00 (10.00 to 30.00)"),
        ([cell(10, 2), cell(12, 4), cell(756, 700)], "between 2.00 and 756"),
        ([cell(10), cell(400, is_saturated=True)], "205 (10.00 to 400) (1 of 2 saturated)"),
        ([cell(10, 2, is_saturated=True)], "between 2.00 and 10.00 (saturated)"),
    ],
)
def test_a_latency_over_blocks(cells: list[Cell], text: str) -> None:
    assert latency_over_blocks(cells, p99_lower_ms, p99_ms) == text


def test_saturation_is_counted() -> None:
    assert saturation([cell(1)] * 3) == ""
    assert saturation([cell(1), cell(1, is_saturated=True)]) == " (1 of 2 saturated)"
    assert saturation([cell(1, is_saturated=True)] * 2) == " (saturated)"


def row(found: Cell | None, recovered_s: float | None = 0.0) -> Row:
    return Row("", CONDITIONS, "direct", 1, found, "", recovered_s, 60, 0, 0)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (cell(90), "90.00"),
        (cell(90, 3.5), "3.50 to 90.00"),
        (cell(7438, is_saturated=True), "7,438 (saturated)"),
        (cell(90, messages=900), "-"),
        (None, "-"),
    ],
)
def test_the_p99_of_the_healthy_in_a_scenario(found: Cell | None, text: str) -> None:
    assert healthy_p99([row(found)]) == text


@pytest.mark.parametrize(
    ("found", "recovered_s", "text"),
    [
        (cell(90), 3.0, "3.0"),
        (cell(90), None, "not yet"),
        (cell(90, 3.5), 3.0, "at most 3.0"),
        (cell(90, 3.5), None, "-"),
        (cell(90, 60), None, "not yet"),
        (cell(9, 3.5), 0.0, "0.0"),
        (cell(9, 3.5), 1.0, "at most 1.0"),
        (None, None, "-"),
    ],
)
def test_a_recovery_is_known_as_far_as_latencies_are(found: Cell | None, recovered_s: float | None, text: str) -> None:
    """The SLO of the scenario is 50 ms."""
    assert CONDITIONS.slo_ms == 50
    assert recovery_s([row(found, recovered_s)]) == text


def test_one_doubtful_run_of_three_hides_no_recovery() -> None:
    sure, doubtful = row(cell(90), 3.0), row(cell(90, 3.5), None)
    assert recovery_s([sure, sure, doubtful]) == "3.0"
    assert recovery_s([row(cell(90), None), row(cell(90), None), doubtful]) == "not yet"
    assert recovery_s([sure, doubtful, doubtful]) == "-"
