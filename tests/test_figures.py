"""The figures of README and docs are those of the stored results, and every campaign gives all that pages ask of it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from bench.claims.manifest import Campaign, Claim, read_manifest
from bench.claims.readers import read
from bench.claims.stored_results import StoredResults
from bench.commands.main import main
from bench.errors import FiguresError
from bench.model.environment import Commit, Yardstick
from bench.presentation.figures.comparisons import answer, side_by_side
from bench.presentation.figures.markers import blocks, with_blocks
from bench.presentation.figures.pages import pages, read_blocks
from bench.presentation.figures.registry import FIGURES
from bench.storage.campaign_folder import CampaignFolder
from tests.bench.command import subcommand_named
from tests.figures_made_up import store, store_all

ROOT = Path(__file__).parent.parent
MANIFEST = read_manifest(ROOT)
CLOSED_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
MEASURED_CELL = re.compile(r"\|\s*(?:about |at least )?\d[\d.,]*(?: (?:ms|us|s|MiB|KiB|%|to [\d.,]+))?\s*(?=\|)")

each_campaign = pytest.mark.parametrize("campaign", MANIFEST.campaigns, ids=lambda each: each.name)
each_claim = pytest.mark.parametrize("claim", MANIFEST.claims, ids=lambda each: each.id)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the pages and the manifest of this checkout, without any result."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "results").mkdir()
    for file in (ROOT / "results").glob("*.toml"):
        shutil.copy(file, tmp_path / "results")
    return tmp_path


def figures(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["figures", *words])
    return done.exit_code, done.output


# The pages of this checkout


def test_the_reference_campaign_has_no_hole() -> None:
    summary = StoredResults(ROOT / "results").summary("reference")
    assert summary.valid
    assert summary.plan.blocks >= 10
    assert not summary.lost


def test_the_pages_say_what_the_stored_results_say() -> None:
    code, output = figures("--check", "--root", str(ROOT))
    assert code == 0, output


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: page.name)
def test_no_table_of_figures_is_typed_by_hand(page: Path) -> None:
    """Outside the markers no table has cells of figures, but for tables of settings and definitions."""
    by_hand = with_blocks(page.read_text(), lambda _: "")
    for table in CLOSED_TABLE.findall(by_hand):
        heading, *rows = table.splitlines()
        if not re.search(r"default|exit code", heading):  # of settings
            assert not [row for row in rows if MEASURED_CELL.search(row)], heading


def test_results_of_the_manifest_are_not_ignored_by_git() -> None:
    open_folders = set(re.findall(r"^!results/([a-z0-9-]+)/$", (ROOT / ".gitignore").read_text(), re.MULTILINE))
    assert open_folders == {campaign.name for campaign in MANIFEST.campaigns}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout of git")
@pytest.mark.parametrize(
    ("path", "is_kept"),
    [
        ("stalled/scenario.json", True),
        ("stalled/charts/stalled_members.png", True),
        ("stalled/charts/stalled_members.svg", False),
        ("stalled/report.md", True),
        ("reference/charts/latency_by_users.svg", True),
        ("reference/report.html", True),
        ("stalled/stalled-5/summary.json", False),
        ("capacity-users/capacity.json", True),
        ("capacity-users/runs/block1-direct.json", False),
        ("capacity-users/hgrm/block1-direct-50.hgrm", False),
        ("compare-20260101T000000Z/summary.json", False),
        ("claims.toml", True),
    ],
)
def test_git_keeps_results_without_raw_runs(path: str, is_kept: bool) -> None:
    ignored = subprocess.run(
        ["git", "-C", str(ROOT), "check-ignore", "-q", "--no-index", f"results/{path}"], check=False
    )
    assert (ignored.returncode == 1) == is_kept


@each_campaign
def test_a_campaigns_commands_are_understood(campaign: Campaign, tmp_path: Path) -> None:
    for words in (campaign.words(), campaign.words(quick=True)):
        module, *rest = words
        if module == "bench":
            subcommand, *flags = rest
            command = subcommand_named(subcommand)
            with click.Context(main) as parent:
                try:
                    command.make_context(subcommand, [*flags, "--out", str(tmp_path / "new")], parent=parent)
                except click.BadParameter as error:
                    if "unknown revision" in str(error) and (ROOT / ".git" / "shallow").exists():
                        pytest.skip("a checkout without its history does not have the commit")
                    raise
        else:
            assert importlib.util.find_spec(module)
    assert bool(campaign.quick) == bool(campaign.quick_minutes)


@each_claim
def test_a_claim_is_stated_and_can_be_read(claim: Claim, tmp_path: Path) -> None:
    results = StoredResults(tmp_path)
    store(MANIFEST.campaign(claim.campaign), results)
    found = read(claim, results)
    assert found.text
    assert bool(found.side) == bool(claim.verdict), "a claim that says more than a number says what"
    for page in claim.stated_in:
        assert (ROOT / page).exists()


# Writing them


def test_every_figure_of_the_pages_comes_from_the_campaigns(checkout: Path) -> None:
    store_all(MANIFEST, StoredResults(checkout / "results"))
    code, output = figures("--root", str(checkout))
    assert code == 0, output
    assert "not stored yet: " not in output
    found = read_blocks(checkout, MANIFEST)
    assert {block.name.split()[0] for block in found} == {*FIGURES, "claims"}
    for block in found:
        assert block.text
        assert block.text == block.written
        assert "nan" not in block.text
        for line in block.text.splitlines():
            assert line.startswith(("|", "![")) or len(line) <= 100
    assert figures("--check", "--root", str(checkout))[0] == 0


def test_a_page_that_differs_from_a_stored_result_fails_the_check(checkout: Path) -> None:
    store_all(MANIFEST, StoredResults(checkout / "results"))
    figures("--root", str(checkout))
    page = checkout / "docs" / "capacity.md"
    right = page.read_text()
    page.write_text(right.replace("| `direct` | ", "| `direct` | about ", 1))
    code, output = figures("--check", "--root", str(checkout))
    assert code == 1
    assert "differs: docs/capacity.md: capacities capacity-users" in output
    assert figures("--root", str(checkout))[0] == 0
    assert page.read_text() == right
    assert figures("--check", "--root", str(checkout))[0] == 0


def test_what_is_not_stored_yet_is_told_and_kept(checkout: Path) -> None:
    before = (checkout / "docs" / "capacity.md").read_text()
    code, output = figures("--root", str(checkout))
    assert code == 0
    asked = "not stored yet: docs/capacity.md: capacities capacity-users (python -m bench measure capacity-users)"
    assert asked in output
    assert (checkout / "docs" / "capacity.md").read_text() == before


def test_a_result_without_a_valid_figure_does_not_keep_others_from_being_written(checkout: Path) -> None:
    results = StoredResults(checkout / "results")
    store_all(MANIFEST, results)
    summary = results.summary("cost")
    cells = [msgspec.structs.replace(cell, valid=False, reasons=["busy"]) for cell in summary.cells]
    CampaignFolder(results.folder("cost")).write_summary(msgspec.structs.replace(summary, cells=cells))
    code, output = figures("--root", str(checkout))
    assert code == 1
    assert "no figure: docs/server.md: server-cost cost: direct with 500 users has no valid cell" in output
    assert [block.name for block in read_blocks(checkout, MANIFEST) if block.differs] == []
    assert figures("--check", "--root", str(checkout))[0] == 1


def test_the_answer_is_of_the_most_users_with_a_ratio_and_tells_who_is_saturated_beyond(tmp_path: Path) -> None:
    results = StoredResults(tmp_path)
    store(MANIFEST.campaign("reference"), results)
    summary = results.summary("reference")
    assert "saturated" not in answer(results, "reference")
    for strategies, beyond in (
        (["direct"], r"`direct` is saturated, and the p99 of `coalesced` is [\d.]+ ms\."),
        (["direct", "coalesced"], r"both are saturated\."),
    ):
        cells = [
            msgspec.structs.replace(cell, saturated=cell.users == 1600 and cell.strategy in strategies)
            for cell in summary.cells
        ]
        CampaignFolder(results.folder("reference")).write_summary(msgspec.structs.replace(summary, cells=cells))
        text = " ".join(answer(results, "reference").split())
        assert "With 800 users, 80,000 deliveries a second, the p99 of `coalesced`" in text
        assert re.search(f"With 1,600 users {beyond}", text), text


@pytest.mark.parametrize(("send_us", "is_said"), [(12.0, False), (16.5, True), (7.5, True)])
def test_two_campaigns_side_by_side_say_that_one_had_faster_cores_or_other_code(
    send_us: float, is_said: bool, tmp_path: Path
) -> None:
    results, names = StoredResults(tmp_path), ("reference", "reference-again")
    commits = Commit("a" * 40, dirty=False), Commit(("b" if is_said else "a") * 40, dirty=False)
    for name, yardstick, commit in zip(names, (Yardstick(11.1, 43), Yardstick(send_us, 43)), commits, strict=True):
        store(MANIFEST.campaign(name), results)
        summary = results.summary(name)
        environment = msgspec.structs.replace(summary.environment, yardstick=yardstick, commit=commit)
        CampaignFolder(results.folder(name)).write_summary(msgspec.structs.replace(summary, environment=environment))
    text = " ".join(side_by_side(results, *names).split())
    assert (
        "The cores were not equally fast, so compare ratios only: in `reference` 11.1 us a loopback send" in text
    ) == is_said
    assert (f"in `reference-again` {send_us} us a loopback send" in text) == is_said
    assert text.count("`direct`") == text.count("`queue`") == 3
    assert ("`reference` is of commit aaaaaaa, `reference-again` of commit bbbbbbb." in text) == is_said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- figures: nonsense -->\n<!-- end of figures: nonsense -->", "unknown figures 'nonsense'; choose answer"),
        ("<!-- figures: chart a -->\n<!-- end of figures: chart a -->", "missing a required argument: 'name'"),
        ("<!-- figures: peers -->\n", "'peers' have no end; write <!-- end of figures: peers -->"),
        ("<!-- end of figures: peers -->\n", "'peers' end and do not begin; write <!-- figures: peers -->"),
    ],
)
def test_wrong_markers_are_refused(checkout: Path, text: str, message: str) -> None:
    (checkout / "docs" / "new.md").write_text(f"# New\n\n{text}\n")
    code, output = figures("--root", str(checkout))
    assert code == 2
    assert message in " ".join(output.replace("│", " ").split())


def test_a_damaged_result_is_refused(checkout: Path) -> None:
    folder = checkout / "results" / "capacity-users"
    folder.mkdir()
    (folder / "capacity.json").write_text("{")
    code, output = figures("--check", "--root", str(checkout))
    assert code == 2
    assert "is damaged" in " ".join(output.replace("│", " ").split())


def test_elsewhere_than_in_a_checkout_it_says_so(tmp_path: Path) -> None:
    code, output = figures("--root", str(tmp_path))
    assert code == 2
    assert "give a checkout of the project (--root)" in " ".join(output.replace("│", " ").split())


# The markers


def test_blocks_are_found_and_replaced() -> None:
    one = "<!-- figures: one -->\nold\nlines\n<!-- end of figures: one -->\n"
    page = f"A\n{one}B\n<!-- figures: two x -->\n<!-- end of figures: two x -->\n"
    assert blocks(page, "page") == {"one": "old\nlines", "two x": ""}
    changed = with_blocks(page, {"one": "new", "two x": r"\1 back"}.get)
    assert blocks(changed, "page") == {"one": "new", "two x": r"\1 back"}
    assert with_blocks(page, lambda _: None) == page
    assert changed.startswith("A\n<!-- figures: one -->\nnew\n<!--")


@pytest.mark.parametrize(
    "page",
    [
        "<!-- figures: a -->\n<!-- figures: b -->\n<!-- end of figures: b -->\n<!-- end of figures: a -->\n",
        "<!-- figures: a -->\n<!-- end of figures: b -->\n",
        "<!-- figures: a -->\n<!-- end of figures: a -->\n<!-- figures: a -->\n<!-- end of figures: a -->\n",
    ],
)
def test_markers_that_do_not_pair_are_refused(page: str) -> None:
    with pytest.raises(FiguresError, match="page: figures 'a'"):
        blocks(page, "page")
