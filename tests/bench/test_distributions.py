"""Percentile files and seconds, written by the store and read again."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.analysis.cells import summarise
from bench.model.plan import Plan
from bench.model.run import Run
from bench.model.summary import Cell
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.distributions import Distributions, read_distributions
from loadtest.ledger.result import Step
from tests.bench.made_up import ENVIRONMENT, plan, run, step, with_details


@pytest.fixture
def made() -> Plan:
    return plan(users=(50, 100))


@pytest.fixture
def store(tmp_path: Path) -> CampaignFolder:
    store = CampaignFolder(tmp_path / "campaign")
    store.create()
    return store


def write(store: CampaignFolder, made: Plan, *steps: Step) -> None:
    ran = run(made.trials[0], steps)
    store.write_percentiles(ran)
    store.write_timeline([ran])


def cells(made: Plan, *again: Run) -> list[Cell]:
    return summarise(made, ENVIRONMENT, [run(made.trials[0], [step(50), step(100)]), *again]).cells


def test_percentiles_come_back_with_the_maximum_at_one_in_all(store: CampaignFolder, made: Plan) -> None:
    write(store, made, with_details(step(50), [1_000 * n for n in range(1, 101)]))
    (spectrum,) = read_distributions(store.directory, cells(made)).spectra
    assert (spectrum.strategy, spectrum.users, spectrum.block) == ("direct", 50, 1)
    assert spectrum.inverse[0] == 1
    assert spectrum.inverse[-1] == 100
    assert (np.diff(spectrum.inverse) >= 0).all()
    first_above_p50 = spectrum.latency_ms[np.searchsorted(spectrum.inverse, 2)]
    assert 50 <= first_above_p50 <= 54
    assert spectrum.latency_ms[-1] == pytest.approx(100, rel=0.01)


def test_missing_deliveries_come_back_as_infinite(store: CampaignFolder, made: Plan) -> None:
    write(store, made, with_details(step(50), [1_000] * 90, missing=10))
    (spectrum,) = read_distributions(store.directory, cells(made)).spectra
    below = spectrum.inverse < 1 / (1 - 0.89)
    assert np.isfinite(spectrum.latency_ms[below]).all()
    assert spectrum.latency_ms[-1] == math.inf


def test_seconds_come_back_with_their_cell(store: CampaignFolder, made: Plan) -> None:
    write(store, made, with_details(step(50), [1_000]))
    first, second = read_distributions(store.directory, cells(made)).timeline
    assert (first.strategy, first.users, first.block, first.second, first.p99) == ("direct", 50, 1, 0, 2.5)
    assert (second.second, second.delivered, second.p99) == (1, 4_000, None)


def test_a_folder_without_details_has_none(store: CampaignFolder, made: Plan) -> None:
    assert read_distributions(store.directory, cells(made)) == Distributions()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("hgrm/block1-direct-50.hgrm", "what is this\n"),
        ("hgrm/block1-direct-50.hgrm", ""),
        ("timeline.csv", "strategy,users\ndirect,fifty\n"),
    ],
)
def test_a_damaged_file_is_named(store: CampaignFolder, made: Plan, name: str, content: str) -> None:
    path = store.directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(ValueError, match="remove it to leave it out") as error:
        read_distributions(store.directory, cells(made))
    assert str(path) in str(error.value)
