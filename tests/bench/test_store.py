"""Campaigns on disk."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest

from bench.run import Run
from bench.store import Store
from tests.bench.made_up import ENVIRONMENT, plan, run, step, typical_summary


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "campaign")
    store.create()
    return store


def test_a_summary_comes_back_as_it_was(store: Store) -> None:
    summary = typical_summary()
    store.write_summary(summary)
    assert store.read_summary() == summary


def test_a_run_comes_back_as_it_was(store: Store) -> None:
    made = plan()
    kept = run(made.trials[0], [step(50, missing=3)], failure="x")
    store.write_run(kept)
    assert msgspec.json.decode((store.runs / "block1-direct.json").read_bytes(), type=Run) == kept


def test_the_plan_is_stored_with_the_machine_it_ran_on(store: Store) -> None:
    store.write_plan(plan(), ENVIRONMENT)
    stored = msgspec.json.decode((store.directory / "plan.json").read_bytes())
    assert stored["plan"]["workload"]["notice_limit"] == 200
    assert stored["environment"]["cores"] == 2


def test_a_percentile_among_missing_deliveries_is_null(store: Store) -> None:
    store.write_summary(typical_summary(["gather"]))
    last = msgspec.json.decode((store.directory / "summary.json").read_bytes())["cells"][-1]
    assert last["missing"] > 0
    assert last["latency_ms"]["p99"] is None
    assert last["latency_ms"]["p99.9"] is None


def test_the_table_has_a_row_a_cell_and_dotted_names(store: Store) -> None:
    summary = typical_summary()
    store.write_summary(summary)
    with (store.directory / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(summary.cells)
    assert float(rows[0]["latency_ms.p99.9"]) == pytest.approx(summary.cells[0].latency_ms.p99_9)
    assert rows[0]["server.cpu_percent"]
    assert rows[0]["reasons"] == ""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b'{"format": 1, "cells": [', "is no summary"),
        (b"\xff\xfe", "is no summary"),
        (b'{"format": 1}', "is no summary"),
        (b'{"format": 2}', "has format 2, this version reads 1"),
    ],
)
def test_a_summary_that_cannot_be_read_says_why_and_what_to_do(store: Store, content: bytes | None, told: str) -> None:
    if content is not None:
        (store.directory / "summary.json").write_bytes(content)
    with pytest.raises(ValueError, match=told) as error:
        store.read_summary()
    assert "run `compare` again" in str(error.value)


def test_a_folder_that_holds_something_is_never_overwritten(store: Store) -> None:
    with pytest.raises(FileExistsError, match="choose another --out"):
        Store(store.directory).create()
