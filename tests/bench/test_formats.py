"""What docs/formats.md says of the files, held against what is written."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from bench.capacity.result import CapacityResult
from bench.claims.stored_results import Measured
from bench.connections.stored import ConnectionsResult
from bench.model.run import Run
from bench.model.summary import Cell, Summary
from bench.scenarios.result import ScenarioResult
from bench.storage.campaign_folder import CampaignFolder, StoredPlan
from bench.validation.cross_check.stored import CrossCheckResult
from bench.validation.live_cost import LiveCost
from bench.validation.selftest.stored import SelftestResult
from bench.validation.simulated_tables import SimulationResult
from loadtest.ledger.result import Generator, Step, SwarmResult
from tests.bench.made_up import plan, run, step, with_details

FORMATS = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()


def between(start: str, end: str) -> str:
    return FORMATS.partition(start)[2].partition(end)[0]


def in_prose(start: str, end: str) -> str:
    """Return what stands between two phrases, wherever their lines are wrapped."""
    return " ".join(FORMATS.split()).partition(start)[2].partition(end)[0]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def names(struct: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def test_every_field_of_a_step_is_in_its_table() -> None:
    rows = [line.split("|") for line in between("A STEP, one user count:", "## `summary.json`").splitlines()]
    fields = [(quoted(row[1]), row[2]) for row in rows if len(row) == 4]
    assert set.union(*(of_row for of_row, _ in fields)) == names(Step)
    (of_generator,) = [quoted(about) for of_row, about in fields if of_row == {"generator"}]
    assert of_generator == names(Generator)


def test_a_cell_lacks_and_adds_what_is_said() -> None:
    assert quoted(in_prose("the fields of a STEP but for", "(the trial's file")) == names(Step) - names(Cell)
    added = quoted(in_prose("A CELL is one", "It has")) | quoted(in_prose("and besides", ":"))
    assert names(Cell) - names(Step) <= added


def test_the_top_of_a_percentile_file_is_the_value_that_is_given(tmp_path: Path) -> None:
    store = CampaignFolder(tmp_path / "campaign")
    store.create()
    store.write_percentiles(run(plan().trials[0], [with_details(step(50), [1_000], missing=1)]))
    given = in_prose("missing deliveries are the top value, ", " ms").replace(",", "")
    assert f" {given} 1.0" in (store.hgrm / "block1-direct-50.hgrm").read_text()


def test_the_files_that_are_said_to_carry_a_format_do_and_runs_do_not() -> None:
    carry: dict[str, type[msgspec.Struct]] = {
        "plan.json": StoredPlan,
        "summary.json": Summary,
        "capacity.json": CapacityResult,
        "scenario.json": ScenarioResult,
        "selftest.json": SelftestResult,
        "cross_check.json": CrossCheckResult,
        "connections.json": ConnectionsResult,
        "simulation.json": SimulationResult,
        "live_cost.json": LiveCost,
        "campaign.json": Measured,
    }
    assert quoted(in_prose("# Formats", " carry ")) == set(carry)
    assert all("format" in names(kind) for kind in carry.values())
    assert "format" in names(SwarmResult)
    assert "format" not in names(Run)
