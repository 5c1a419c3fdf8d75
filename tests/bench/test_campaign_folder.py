"""Campaigns on disk."""

from __future__ import annotations

import csv
import json
import re
import resource
from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from bench.model.summary import Cell
from bench.storage.campaign_folder import CELL_COLUMNS, CampaignFolder, StoredPlan
from loadtest.ledger.result import Second
from tests.bench.made_up import ENVIRONMENT, START_NS, plan, run, step, typical_summary, with_details


@pytest.fixture
def store(tmp_path: Path) -> CampaignFolder:
    store = CampaignFolder(tmp_path / "campaign")
    store.create()
    return store


def test_a_summary_comes_back_as_it_was(store: CampaignFolder) -> None:
    summary = typical_summary()
    store.write_summary(summary)
    assert store.read_summary() == summary


def test_runs_come_back_as_they_were_by_block(store: CampaignFolder) -> None:
    first, second = plan(blocks=2).trials
    kept = [run(first, [step(50, missing=3)], failure="x"), run(second, None)]
    for each in reversed(kept):
        store.write_run(each)
    assert store.read_runs() == kept
    assert store.read_run(second) == kept[1]
    assert sorted(path.name for path in store.runs.iterdir()) == ["block1-direct.json", "block2-direct.json"]


def test_missing_runs_are_none_and_a_folder_without_runs_has_none(store: CampaignFolder) -> None:
    assert store.read_run(plan().trials[0]) is None
    store.runs.rmdir()
    assert store.read_runs() == []


@pytest.mark.parametrize("content", [b"", b'{"trial": {"block": 1', b'{"format": 7}', b"[]"])
def test_a_damaged_run_is_named_with_what_to_do(store: CampaignFolder, content: bytes) -> None:
    path = store.runs / "block1-direct.json"
    path.write_bytes(content)
    for read in (store.read_runs, lambda: store.read_run(plan().trials[0])):
        with pytest.raises(ValueError, match=re.escape(str(path))) as error:
            read()
        assert f"`compare --resume {store.directory}` runs it again" in str(error.value)


def test_the_plan_comes_back_with_the_machine_it_ran_on(store: CampaignFolder) -> None:
    store.write_plan(plan(), ENVIRONMENT)
    assert store.read_plan() == StoredPlan(1, ENVIRONMENT, plan())


def test_a_write_that_fails_keeps_what_was_there_and_leaves_nothing_behind(store: CampaignFolder) -> None:
    summary = typical_summary()
    store.write_summary(summary)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.write_summary(typical_summary(["direct"]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.read_summary() == summary
    assert not list(store.directory.glob("*.tmp"))


def test_a_second_attempt_leaves_nothing_of_the_first(store: CampaignFolder) -> None:
    """Neither its logs nor its percentiles, and those of other trials stay, however alike their names are."""
    first, alike = sorted(plan(["direct", "direct-2"]).trials, key=lambda trial: trial.name)
    empty = HdrHistogram(1, 3_600_000_000, 3).encode().decode()
    measured = [msgspec.structs.replace(step(users), histogram=empty) for users in (2, 50)]
    for trial in (first, alike):
        store.write_percentiles(run(trial, measured))
        (store.logs / f"{trial.name}.swarm.json").touch()
    store.discard_logs(first)
    store.write_percentiles(run(first, measured[:1]))
    assert [path.name for path in store.logs.iterdir()] == ["block1-direct-2.swarm.json"]
    assert sorted(path.name for path in store.hgrm.iterdir()) == [
        "block1-direct-2-2.hgrm",
        "block1-direct-2-50.hgrm",
        "block1-direct-2.hgrm",
    ]


def test_percentile_files_are_in_milliseconds_their_footer_too(store: CampaignFolder) -> None:
    ran = run(plan().trials[0], [with_details(step(50), [1_000] * 8 + [11_000] * 2)])
    store.write_percentiles(ran)
    text = (store.hgrm / "block1-direct-50.hgrm").read_text()
    footer = {name: float(value) for name, value in re.findall(r"(Mean|StdDeviation|Max) += +([\d.]+)", text)}
    assert footer == {
        name: pytest.approx(ms, rel=0.001) for name, ms in [("Mean", 3), ("StdDeviation", 4), ("Max", 11)]
    }


def test_the_timeline_has_a_row_a_second_however_often_it_is_written(store: CampaignFolder) -> None:
    second = Second(start_ns=START_NS, messages=100, expected=5000, delivered=5000, p50=1.0, p99=2.0, max=None)
    measured = [msgspec.structs.replace(step(50), timeline=[second, second])]
    runs = [run(trial, measured) for trial in plan(blocks=2).trials]
    for number in (1, 2, 2):
        store.write_timeline(runs[:number])
    with (store.directory / "timeline.csv").open(newline="") as file:
        rows = [(row["block"], row["second"], row["p50"], row["max"]) for row in csv.DictReader(file)]
    assert rows == [(block, number, "1.0", "") for block in "12" for number in "01"]


def test_a_percentile_among_missing_deliveries_is_null(store: CampaignFolder) -> None:
    store.write_summary(typical_summary(["gather"]))
    last = msgspec.json.decode((store.directory / "summary.json").read_bytes())["cells"][-1]
    assert last["missing"] > 0
    assert last["latency_ms"]["p99"] is None
    assert last["latency_ms"]["p99.9"] is None


def test_the_table_has_a_row_a_cell_and_dotted_names(store: CampaignFolder) -> None:
    summary = typical_summary()
    store.write_summary(summary)
    with (store.directory / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(summary.cells)
    assert list(rows[0])[:3] == ["strategy", "users", "block"]
    assert float(rows[0]["latency_ms.p99.9"]) == pytest.approx(summary.cells[0].latency_ms.p99_9)
    assert rows[0]["server.cpu_percent"]
    assert rows[0]["reasons"] == ""


def test_a_summary_from_before_some_counts_were_kept_is_readable(store: CampaignFolder) -> None:
    store.write_summary(typical_summary())
    path = store.directory / "summary.json"
    stored = json.loads(path.read_text())
    for cell in stored["cells"]:
        for count in ("order_conflicts", "foreign", "not_judged"):
            del cell[count]
    path.write_text(json.dumps(stored))
    cells = store.read_summary().cells
    assert {(cell.order_conflicts, cell.foreign, cell.not_judged) for cell in cells} == {(0, 0, 0)}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b'{"format": 1, "cells": [', "is damaged, or no summary"),
        (b"\xff\xfe", "is damaged, or no summary"),
        (b'{"format": 1}', "is damaged, or no summary"),
        (b'{"format": 2}', "has format 2, this version reads 1"),
    ],
)
def test_a_summary_that_cannot_be_read_says_why_and_what_to_do(
    store: CampaignFolder, content: bytes | None, told: str
) -> None:
    if content is not None:
        (store.directory / "summary.json").write_bytes(content)
    with pytest.raises(ValueError, match=told) as error:
        store.read_summary()
    assert "run `compare` again" in str(error.value)


def test_a_folder_that_holds_something_is_never_overwritten(store: CampaignFolder) -> None:
    with pytest.raises(FileExistsError, match="choose another --out"):
        CampaignFolder(store.directory).create()


def test_every_field_of_a_cell_has_its_columns() -> None:
    assert sorted(CELL_COLUMNS) == sorted(Cell.__struct_fields__)
