"""The yardstick of a machine: measured for real, stored, compared and shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from bench.analysis.environment_diff import machine_differences
from bench.doctor import speed
from bench.doctor.machine import CpuUse, Machine
from bench.errors import YardstickError
from bench.execution.pinning import choose_pinning
from bench.execution.yardstick import measure_yardstick
from bench.model.environment import Environment, Pinning, Yardstick
from bench.model.finding import Status
from bench.presentation.report.environment import environment_section
from bench.presentation.report.yardstick_table import yardstick_table
from tests.bench.made_up import ENVIRONMENT, typical_summary

REFERENCE = Yardstick(8.0, 40.0)


def environment(loopback_send_us: float, interpreter_loop_us: float) -> Environment:
    return msgspec.structs.replace(ENVIRONMENT, yardstick=Yardstick(loopback_send_us, interpreter_loop_us))


def test_it_is_measured_on_cores_of_its_own_and_leaves_nothing_behind() -> None:
    children = psutil.Process().children(recursive=True)
    affinity = os.sched_getaffinity(0) if sys.platform == "linux" else None
    found = measure_yardstick(choose_pinning())
    assert 0 < found.loopback_send_us < 1e6
    assert 0 < found.interpreter_loop_us < 1e6
    assert psutil.Process().children(recursive=True) == children
    assert affinity is None or os.sched_getaffinity(0) == affinity


@pytest.mark.skipif(sys.platform != "linux", reason="needs pinning")
def test_cores_that_are_not_there_are_an_error_with_the_reason() -> None:
    with pytest.raises(YardstickError, match="Invalid argument"):
        measure_yardstick(Pinning((100_000,), ()))


@pytest.mark.long
def test_a_run_stores_it(tmp_path: Path) -> None:
    words = ["compare", "--strategies", "direct", "--users", "2", "--duration", "0.2", "--warmup", "0"]
    subprocess.run([sys.executable, "-m", "bench", *words, "--out", tmp_path / "new"], capture_output=True)
    stored = msgspec.json.decode((tmp_path / "new" / "summary.json").read_bytes())["environment"]["yardstick"]
    assert stored["loopback_send_us"] > 0
    assert stored["interpreter_loop_us"] > 0


def test_older_environments_have_none() -> None:
    older = msgspec.to_builtins(ENVIRONMENT)
    del older["yardstick"]
    assert msgspec.convert(older, Environment).yardstick is None


@pytest.mark.parametrize(
    ("here", "status", "told"),
    [
        (Yardstick(8.0, 41.0), Status.OK, "8.0 us a loopback send, 41 us an interpreter loop"),
        (Yardstick(16.0, 40.0), Status.WARNING, "the reference's machine 8.0 and 40"),
        (Yardstick(8.0, 80.0), Status.WARNING, "the reference's machine 8.0 and 40"),
        (Yardstick(4.0, 20.0), Status.OK, "4.0 us"),
        (None, Status.UNKNOWN, "could not be measured"),
    ],
)
def test_the_doctor_warns_of_a_slow_machine(
    here: Yardstick | None, status: Status, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "reference_yardstick", lambda: REFERENCE)
    quiet = CpuUse({0: 0.0, 1: 0.0}, load_average=0.0, steal=0.0, steal_since_boot=0.0)
    found = speed.speed.examine(Machine(100, Pinning((0,), (1,)), quiet, tmp_path, here))
    assert found.status is status
    assert told in found.found


def test_without_a_reference_the_doctor_cannot_tell(tmp_path: Path) -> None:
    assert speed.reference_yardstick(tmp_path / "summary.json") is None


def test_the_reference_is_read_from_its_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_bytes(msgspec.json.encode({"format": 1, "environment": environment(8.0, 40.0), "cells": []}))
    assert speed.reference_yardstick(path) == REFERENCE


@pytest.mark.parametrize(
    ("now", "differs"),
    [((8.0, 40.0), False), ((10.0, 48.0), False), ((17.0, 40.0), True), ((8.0, 15.0), True), ((3.0, 40.0), True)],
)
def test_a_machine_of_another_speed_is_another_machine(now: tuple[float, float], differs: bool) -> None:
    found = machine_differences(environment(8.0, 40.0), environment(*now))
    assert bool(found) is differs
    assert all(text.startswith("yardstick: 8.0 us a loopback send") for text in found)


def test_a_yardstick_that_one_side_lacks_tells_nothing() -> None:
    assert machine_differences(ENVIRONMENT, environment(8.0, 40.0)) == []


def test_a_report_shows_it_and_costs_as_multiples_of_it() -> None:
    (table,) = environment_section(environment(8.0, 40.0)).tables
    rows = {row.cells[0]: row.cells[1] for row in table.rows}
    assert rows["yardstick"] == "8.0 us a loopback send with its wake-up, 40 us for 1,000 iterations of Python"
    summary = typical_summary(["direct"])
    assert yardstick_table(summary) is None
    measured = msgspec.structs.replace(summary, environment=environment(8.0, 40.0))
    shown = yardstick_table(measured)
    assert shown is not None
    costs = [cell.server.cpu_us_per_delivery for cell in measured.blocks_of("direct", 50)]
    assert costs[0] is not None
    assert shown.rows[0].cells[1] == f"{costs[0] / 8:.2f}"
