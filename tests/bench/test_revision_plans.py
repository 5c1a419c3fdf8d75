"""Revisions in plans, labels, file names, words and charts."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from bench.analysis.cells import summarise
from bench.analysis.comparison import baseline_for, compare_arms
from bench.model.plan import Arm, make_plan, peer_arms
from bench.model.revision import Revision, revision_name
from bench.presentation.charts.parts import style
from bench.presentation.charts.ratio_to_direct import ratio_to_direct
from bench.presentation.comparison_wording import headline
from bench.presentation.report.campaign_tables import comparisons_table
from bench.presentation.report.reproduce import compare_command
from bench.storage.campaign_folder import CampaignFolder
from tests.bench.made_up import ENVIRONMENT, run, step, workload


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("main", "main"),
        ("feature/x", "feature-x"),
        ("HEAD~1", "HEAD~1"),
        ("v1.0.2", "v1.0.2"),
        ("HEAD@{1}", "HEAD--1-"),
        (":/fix [that] *", "--fix--that---"),
        ("24efd9faae0111ec28ec3537f45c66d2b6690503", "24efd9faae01"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_revisions_name_can_be_part_of_a_files_name(given: str, name: str, tmp_path: Path) -> None:
    assert revision_name(given) == name
    (tmp_path / f"block1-direct@{name}.swarm.json").touch()


def test_revisions_alike_in_name_are_told_apart() -> None:
    revisions = [Revision("a-b", "1" * 40), Revision("main", "2" * 40), Revision("a-b", "3" * 40)]
    plan = make_plan(workload(), ["direct", "queue"], 1, 50, 1, peer_arms({"mine": "x {port}"}), revisions)
    assert plan.arms == (
        Arm("direct@a-b#1", "direct", revision="1" * 40),
        Arm("direct@main", "direct", revision="2" * 40),
        Arm("direct@a-b#2", "direct", revision="3" * 40),
        Arm("queue@a-b#1", "queue", revision="1" * 40),
        Arm("queue@main", "queue", revision="2" * 40),
        Arm("queue@a-b#2", "queue", revision="3" * 40),
        Arm("mine", "mine", "x {port}"),
    )
    baselines = [baseline_for(plan, arm).label for arm in plan.arms]
    assert baselines == ["direct@a-b#1"] * 3 + ["queue@a-b#1"] * 3 + ["direct@a-b#1"]


def test_one_revision_alone_keeps_the_usual_baseline() -> None:
    plan = make_plan(workload(), ["queue", "direct"], 1, 50, 1, revisions=[Revision("main", "1" * 40)])
    assert [baseline_for(plan, arm).label for arm in plan.arms] == ["direct@main"] * 2


def test_the_command_that_reproduces_a_plan_names_its_commits() -> None:
    revisions = [Revision("main", "1" * 40), Revision("HEAD", "2" * 40)]
    plan = make_plan(workload(), ["direct", "queue"], 1, 50, 1, revisions=revisions)
    words = compare_command(plan).split()
    assert words[words.index("--strategies") + 1] == "direct,queue"
    given = [after for word, after in itertools.pairwise(words) if word == "--revision"]
    assert given == ["1" * 40, "2" * 40]


def test_plans_without_revisions_are_stored_as_before() -> None:
    assert msgspec.json.encode(Arm("direct", "direct")) == b'{"label":"direct","strategy":"direct"}'


def test_discarded_logs_are_not_those_of_a_version_alike(tmp_path: Path) -> None:
    revisions = [Revision("v1", "1" * 40), Revision("v1.0", "2" * 40)]
    plan = make_plan(workload(), ["direct"], 1, 50, 1, revisions=revisions)
    store = CampaignFolder(tmp_path / "campaign")
    store.create()
    files = {f"block1-{arm.label}.{end}" for arm in plan.arms for end in ("server.log", "swarm.log", "swarm.json")}
    for name in files:
        (store.logs / name).touch()
    store.discard_logs(next(trial for trial in plan.trials if trial.arm.label == "direct@v1"))
    assert {path.name for path in store.logs.iterdir()} == {name for name in files if "@v1.0." in name}


def test_revisions_of_several_strategies_are_told_apart_in_words_and_charts() -> None:
    revisions = [Revision("main", "1" * 40), Revision("HEAD", "2" * 40)]
    made = make_plan(workload((50,)), ["direct", "queue"], 8, 50, 1, revisions=revisions)
    slower = {"direct@HEAD": 1.5}
    runs = [
        run(trial, [step(50, p50=slower.get(trial.arm.label, 1) * (1 + trial.block / 50))]) for trial in made.trials
    ]
    comparisons = compare_arms(summarise(made, ENVIRONMENT, runs))
    assert [(one.arm, one.baseline) for one in comparisons] == [
        ("direct@HEAD", "direct@main"),
        ("queue@HEAD", "queue@main"),
    ]
    assert headline(comparisons, 8) == (
        "Against direct@main and queue@main, by p99: direct@HEAD is slower at 50 users; "
        "no difference found for queue@HEAD"
    )
    assert "multiple of its baseline's (direct@main, queue@main)" in comparisons_table(comparisons).caption
    looks = style.looks([arm.label for arm in made.arms])
    assert len({(look.colour, look.marker) for look in looks.values()}) == 4
    assert looks["direct@main"].colour == style.LOOKS["direct"][0]
    ratio_to_direct(summarise(made, ENVIRONMENT, runs))
