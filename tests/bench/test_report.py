"""The report, as HTML and as Markdown."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bench.analysis.cells import summarise
from bench.analysis.cost_model import cost_models
from bench.capacity.result import Axis, write_capacity
from bench.capacity.search import Rules
from bench.commands.capacity import capacity
from bench.commands.compare import compare
from bench.commands.main import main
from bench.model.plan import Plan, Workload, make_plan
from bench.presentation.report.capacity import capacity_command
from bench.presentation.report.page import Page, Remark
from bench.presentation.report.render import to_html, to_markdown
from bench.presentation.report.reproduce import compare_command
from bench.presentation.table import Tone
from bench.scenarios.conditions import Conditions
from bench.scenarios.result import Row, ScenarioResult, write_scenario
from bench.storage.campaign_folder import CampaignFolder
from loadtest.ledger.result import Step
from tests.bench.made_up import ENVIRONMENT, plan, run, step
from tests.bench.made_up_capacity import capacity_plan, made_up_search
from tests.bench.made_up_folder import write_campaign

LOST = "direct with 100 users 1,500 of 100,000 (1.5 %)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_campaign(tmp_path_factory.mktemp("report") / "campaign")


@pytest.fixture(scope="module")
def texts(folder: Path) -> tuple[str, str]:
    return report(folder)


def report(folder: Path) -> tuple[str, str]:
    result = CliRunner().invoke(main, ["report", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    html, markdown = folder / "report.html", folder / "report.md"
    assert result.stdout.split() == [str(html), str(markdown)]
    return html.read_text(), markdown.read_text()


@pytest.mark.long
def test_the_verdict_comes_first_with_missing_and_invalid_beside_it(texts: tuple[str, str]) -> None:
    for text in texts:
        places = [
            text.index(word)
            for word in (
                "Verdict",
                "direct 50; queue 50 (unknown at 100 and 200)",
                "Exploratory: a verdict needs",
                LOST,
                "1 of 8 cells invalid",
            )
        ]
        assert places == sorted(places)
        assert places[-1] < text.index("Every strategy at every user count")
        assert "queue with 100 users (block 1)" in text
        assert "Not measured: direct with 200 users and queue with 200 users." in text


def test_the_sections_are_in_order_with_their_charts(folder: Path, texts: tuple[str, str]) -> None:
    html, markdown = texts
    titles = ["Verdict", "Evidence", "Run health", "Environment", "How to reproduce"]
    assert re.findall(r"^## (.*)", markdown, re.MULTILINE) == titles
    assert re.findall(r"<h2 id=.*>(.*)</h2>", html) == titles
    names = re.findall(r"\]\(charts/(.*)\.png\)", markdown)
    assert names == re.findall(r'<figure id="(.*)">', html)
    assert len(names) == 7
    assert names[-1] == "run_health"
    for name in names:
        assert (folder / "charts" / f"{name}.png").exists()


def test_the_environment_and_the_reasons_are_shown(texts: tuple[str, str]) -> None:
    html, markdown = texts
    for text in texts:
        for expected in ("Example CPU 3.0 GHz", "uvicorn 0.54.0", "1 usable", "Remedy: use two", "0123abcd" * 5):
            assert expected in text
        assert "The tool had uncommitted changes" in text
    assert "sent &lt;late&gt; | <code>taskset</code> &amp; again" in html
    assert r"sent &lt;late&gt; \| `taskset` &amp; again" in markdown


def test_ids_are_unique_and_nothing_is_styled_scripted_or_linked_outside(texts: tuple[str, str]) -> None:
    html, _ = texts
    ids = Counter(re.findall(r'\bid="([^"]*)"', html))
    assert [name for name, count in ids.items() if count > 1] == []
    targets = set(re.findall(r'(?:xlink:href|href)="#([^"]*)"|url\(#([^)]*)\)', html))
    assert {one or other for one, other in targets} <= set(ids)
    assert " style=" not in html
    assert "<script" not in html
    assert re.findall(r'(?:src|href)="(?!#|data:)', html) == []


def test_the_same_results_give_the_same_report(folder: Path, texts: tuple[str, str]) -> None:
    assert report(folder) == texts


@pytest.mark.long
def test_charts_without_data_are_named(tmp_path: Path) -> None:
    folder = write_campaign(tmp_path / "campaign")
    (folder / "timeline.csv").unlink()
    for text in report(folder):
        assert "Charts left out: latency heat map: timeline.csv, the seconds of each window, is not there." in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "has no capacity.json, scenario.json or summary.json; give a folder that"),
        (b"{", "damaged"),
        (b'{"format": 9}', "this version reads 1"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_bytes(content)
    result = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert result.exit_code == 2
    assert expected in result.output
    assert not (tmp_path / "report.html").exists()


def test_a_part_of_a_scenario_is_not_taken_for_a_campaign(tmp_path: Path) -> None:
    write_campaign(tmp_path / "stalled-5")
    (tmp_path / "scenario.json").write_text("{}")
    result = CliRunner().invoke(main, ["report", str(tmp_path / "stalled-5")])
    assert result.exit_code == 2
    assert "is one set of conditions of a scenario" in result.output
    assert not (tmp_path / "stalled-5" / "report.html").exists()


def test_a_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    write_capacity(made_up_search("direct"), tmp_path)
    (tmp_path / "report.html").mkdir()
    result = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert result.exit_code == 2
    assert "the report cannot be written" in result.output
    assert "copy the folder to where it can" in result.output


def test_the_command_makes_the_same_plan_again() -> None:
    workload = Workload((30, 60), 12.5, 100, "poisson", 0.25, 1, 2, 40, 7, 3)
    made = make_plan(workload, ["queue", "direct", "direct"], 4, 12.5, 9)
    _, _, _, subcommand, *words = compare_command(made).split()
    assert subcommand == "compare"
    assert _plan_of(words) == made


def _plan_of(words: list[str]) -> Plan:
    given = compare.make_context("compare", words).params
    names = msgspec.structs.asdict(plan().workload)
    workload = Workload(**{name: given[name] for name in names} | {"rooms": min(given["rooms"])})
    return make_plan(workload, given["strategies"], given["blocks"], given["slo_ms"], given["seed"])


def test_a_search_for_the_capacity_has_a_report(tmp_path: Path) -> None:
    write_capacity(made_up_search("direct", "coalesced"), tmp_path)
    for text in report(tmp_path):
        assert "Capacity of direct and coalesced in users" in text
        assert "The capacity of coalesced is known in part only" in text
        assert "Every try, in the order in which they were made" in text
    assert 'src="data:image/svg+xml;base64,' in (tmp_path / "report.html").read_text()


def test_the_command_makes_the_same_search_again() -> None:
    for axis in Axis:
        plan = capacity_plan("queue", "direct", by=axis)
        _, _, _, subcommand, *words = capacity_command(plan).split()
        assert subcommand == "capacity"
        given = capacity.make_context("capacity", words).params
        assert (given["strategies"], given["by"], given["percentile"]) == (["queue", "direct"], axis, "99")
        assert Rules(given["start"], given["limit"], given["repeats"], given["resolution"] / 100) == plan.rules
        assert (given["slo_ms"], given["max_minutes"], given["seed"]) == (plan.slo_ms, plan.max_minutes, plan.seed)
        assert (given["duration_s"], given["join_rate"]) == (plan.workload.duration_s, plan.workload.join_rate)
        assert given["users"] == 500
        assert given["room_rate"] == 100


def test_a_scenario_has_a_report(tmp_path: Path) -> None:
    conditions = [Conditions(users=50, stalled=stalled) for stalled in (0, 5)]
    steps = [step(50, seconds=10), step(50, missing=1_000, seconds=10)]
    rows = [
        _row(strategy, each, made)
        for strategy in ("direct", "queue")
        for each, made in zip(conditions, steps, strict=True)
    ]
    rows.append(msgspec.structs.replace(rows[0], strategy="gather", cell=None, reason="the server died"))
    write_scenario(
        ScenarioResult(1, ENVIRONMENT, "stalled", "Stalled members", "Shows this.", "the share", ("stalled",), rows),
        tmp_path,
    )
    html, markdown = report(tmp_path)
    for text in (html, markdown):
        assert "p99 infinite at worst, 1,000 of 100,000 deliveries missing" in text
        assert "Deliveries missing, counted as infinitely late: direct, 5 stalled (1,000)" in text
        assert "gather, 0 stalled: not measured: the server died" in text
        assert (
            "python -m bench run stalled --strategies direct,queue,gather --users 50 --duration 10 --blocks 1" in text
        )
    assert "![" in markdown


def test_a_scenario_that_ended_early_says_so_and_how_it_was_begun(tmp_path: Path) -> None:
    row = msgspec.structs.replace(_row("queue", Conditions(users=50), step(50)), kicked=None)
    write_scenario(
        ScenarioResult(
            *(1, ENVIRONMENT, "mine", "Mine", "Shows this.", "the share", (), [row]),
            seed=7,
            source="my/mine.toml",
            strategies=("queue", "direct"),
            blocks=3,
            planned_rows=6,
        ),
        tmp_path,
    )
    for text in report(tmp_path):
        assert "5 of 6 runs were not made, as it ended before them" in text
        assert "kicks unknown" in text
        assert (
            "python -m bench run my/mine.toml --strategies queue,direct --users 50 --duration 10 --blocks 3 --seed 7"
            in text
        )


def test_the_missing_share_is_of_all_that_was_expected_there(tmp_path: Path) -> None:
    made = plan(("gather",), (50,), blocks=4)
    runs = [run(trial, [step(50, missing=1000 * (trial.block == 1))]) for trial in made.trials]
    CampaignFolder(tmp_path).write_summary(summarise(made, ENVIRONMENT, runs))
    for text in report(tmp_path):
        assert "gather with 50 users 1,000 of 100,000 (1 %)" in text


def test_what_is_missing_in_invalid_cells_is_named_separately(tmp_path: Path) -> None:
    made = plan(("direct",), (50,), blocks=3)
    late = step(50, missing=70, reasons=["late"])
    runs = [run(trial, [late if trial.block == 1 else step(50)]) for trial in made.trials]
    CampaignFolder(tmp_path).write_summary(summarise(made, ENVIRONMENT, runs))
    for text in report(tmp_path):
        assert "No delivery is missing in valid cells; 70 are in invalid ones." in text


def test_a_ratio_to_what_is_infinite_is_0(tmp_path: Path) -> None:
    made = plan(("direct", "queue"), (50,), blocks=8)
    runs = [run(trial, [step(50, missing=2_500 * (trial.arm.label == "direct"))]) for trial in made.trials]
    CampaignFolder(tmp_path).write_summary(summarise(made, ENVIRONMENT, runs))
    assert "| queue | 50 | 0 | 0 | 0.00781 | 0.00781 | 8 | faster (beyond 5 %) |" in report(tmp_path)[1]


def test_how_the_cost_of_a_message_grows_is_shown_where_it_is_known(tmp_path: Path, texts: tuple[str, str]) -> None:
    made = plan(("direct",), (50, 100, 200), blocks=2)
    runs = [run(trial, [step(users) for users in (50, 100, 200)]) for trial in made.trials]
    summary = summarise(made, ENVIRONMENT, runs)
    CampaignFolder(tmp_path).write_summary(summary)
    (model,) = cost_models(summary)
    markdown = report(tmp_path)[1]
    costs = [f"{at.cpu_us:,.0f}" for at in model.of_sizes]
    assert model.cost.per_member_us == pytest.approx(0)
    assert "us a member | 95 % interval | off by at most | residual | of a power law | blocks |" in markdown
    assert "| direct | 5,000 | 5,000 to 5,000 | 0.00 | 0.00 to 0.00 | 0 % | 0.0 % | 0.0 % | 2 |" in markdown
    assert f"| direct | us a message | {' | '.join(costs)} |" in markdown
    assert "| | slope to the next | 0.00 | 0.00 | - |" in markdown
    assert "O(1), is not excluded" in markdown
    assert all("Cost model" not in text for text in texts), "two user counts make no line"


def test_what_the_swarm_lost_is_told_beside_the_verdict(tmp_path: Path) -> None:
    made = plan(("direct",), (50, 100, 200), blocks=1)
    lost = run(made.trials[0], [step(50)], not_measured=(100, 200), problems=["the judge's process has ended"])
    CampaignFolder(tmp_path).write_summary(summarise(made, ENVIRONMENT, [lost]))
    for text in report(tmp_path):
        assert "2 cells lost, through no overload of the server: direct with 100 users (block 1)" in text
        assert "All cells valid, 2 lost" in text


def test_a_campaign_without_a_cell_is_not_called_valid(tmp_path: Path) -> None:
    CampaignFolder(tmp_path).write_summary(summarise(plan(), ENVIRONMENT, []))
    for text in report(tmp_path):
        assert "Nothing was measured." in text
        assert "are valid" not in text


def _row(strategy: str, conditions: Conditions, made: Step) -> Row:
    (cell,) = summarise(plan((strategy,), (50,)), ENVIRONMENT, [run(plan((strategy,), (50,)).trials[0], [made])]).cells
    return Row(f"{conditions.stalled} stalled", conditions, strategy, 1, cell, "", 1.5, 60.0, 2, 0)


def test_a_remark_is_shown_in_any_tone() -> None:
    page = Page("title", "subtitle", ["verdict"], [Remark(tone, f"said {tone.value}") for tone in Tone], [])
    markdown, html = to_markdown(page), to_html(page)
    for tone in Tone:
        assert re.search(rf"^- [^ ]+ said {tone.value}$", markdown, re.MULTILINE)
        assert re.search(rf'<li class="{tone.value}">\s*said {tone.value}', html)
