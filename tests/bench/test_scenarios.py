"""Scenarios: their files, their figures, the table and the chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.analysis.cells import summarise
from bench.claims.stored_results import StoredResults
from bench.model.plan import Trial
from bench.presentation.charts.scenario import draw_scenario
from bench.presentation.charts.stalled_members import stalled_members
from bench.presentation.figures.scenarios import one_scenario
from bench.presentation.report.scenario import scenario_page
from bench.presentation.scenario_answer import scenario_answer
from bench.presentation.terminal import answer_in_terminal
from bench.scenarios.conditions import Conditions
from bench.scenarios.disturbance import Disturbance, planned_disturbance
from bench.scenarios.recovery import time_to_recover_s
from bench.scenarios.result import FORMAT, Row, ScenarioResult, read_scenario_result, write_scenario
from bench.scenarios.rows import make_rows
from bench.scenarios.scenario import Variation, read_scenario, scenario_file, scenario_files
from loadtest.ledger.result import Second, Step
from tests.bench.figures import data, end_labels, texts, tick_names
from tests.bench.made_up import ENVIRONMENT, SECOND, START_NS, plan, run, step

HEAD = 'title = "t"\nshows = "s"\nlook_at = "l"\n[conditions]\n'
MEMBERS = 50


def written(tmp_path: Path, conditions: str, head: str = HEAD) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(head + conditions)
    return path


# Files


@pytest.mark.parametrize("path", scenario_files().values(), ids=lambda path: path.stem)
def test_every_built_in_scenario_can_be_run_and_says_what_it_shows(path: Path) -> None:
    scenario = read_scenario(path)
    assert scenario.variations
    assert scenario.title
    for text in (scenario.shows, scenario.look_at):
        assert text.endswith(".")
        assert "\n" not in text


def test_the_built_in_scenarios_are_complete() -> None:
    assert set(scenario_files()) == {
        *("steady", "burst", "stalled", "slow-readers", "churn", "reconnect-storm", "big-messages"),
        *("server-freeze", "server-restart", "flood", "soak", "one-stalled", "jitter"),
    }


def test_lists_are_axes_and_each_combination_is_a_variation(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, "users = 10\nstalled = [0, 2]\nmessage_size = [64, 1024]\n"))
    assert scenario.axes == ("stalled", "message_size")
    assert [variation.label for variation in scenario.variations] == [
        *("stalled-0-message_size-64", "stalled-0-message_size-1024"),
        *("stalled-2-message_size-64", "stalled-2-message_size-1024"),
    ]
    assert scenario.variations[3].conditions == Conditions(users=10, stalled=2, message_size=1024)


def test_changes_override_the_files_conditions(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, "users = [10, 20]\n"), {"users": 5, "duration_s": 3.0})
    assert [variation.conditions for variation in scenario.variations] == [Conditions(users=5, duration_s=3.0)]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ("user = 5", "unknown field `user`"),
        ("users = 0", ">= 1"),
        ('users = "many"', "Expected `int`"),
        ("users = []", "empty list"),
        ("users = 5\nstalled = [0, 5]", "leaves none of 5 users"),
        ("message_size = 10", ">= 60"),
        ('arrival = "tide"', "tide"),
        ("freeze_at_s = 30", "freeze_at_s = 30 is not within the window of 10 s"),
        ("kill_at_s = 3", "needs `rejoin_every_s`"),
        (
            "freeze_at_s = 3\nkill_at_s = 6\nrejoin_every_s = 1",
            "freeze_at_s and kill_at_s: a run has at most one disturbance",
        ),
        ("burst_factor = 2\nreconnect_at_s = 3", "burst_factor and reconnect_at_s: a run has at most one disturbance"),
        ("burst_factor = 2\nwindow_s = 2", "burst_factor needs a single window; remove `window_s`"),
        ("users = ", "invalid TOML"),
        ("duration_s = inf", "duration_s = inf must be finite"),
        ('server = "--slow-after \'2"', "is not a valid command line: No closing quotation"),
        ('server = "--strategy=queue"', "--strategy is set by the bench; remove it"),
        ("stalled = [0, 1, 0]", "duplicate variation stalled-0"),
        ("stalled = 200", "raise `users`"),
    ],
)
def test_an_invalid_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, conditions: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml") as refused:
        read_scenario(written(tmp_path, conditions))
    assert words in str(refused.value)


def test_an_invalid_change_is_reported_with_the_change(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml, with users = 3: stalled = 5 leaves none .*`users`$"):
        read_scenario(written(tmp_path, "stalled = 5"), {"users": 3})


def test_a_label_is_a_valid_folder_name(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, 'server = ["--slow-after 2", "--outbox-bytes 9 ../../x/"]'))
    assert [each.label for each in scenario.variations] == [
        "server---slow-after_2",
        "server---outbox-bytes_9_.._.._x_",
    ]


def test_a_missing_field_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="missing required field `look_at`"):
        read_scenario(written(tmp_path, "", 'title = "t"\nshows = "s"\n[conditions]\n'))
    with pytest.raises(ValueError, match="No such file"):
        read_scenario(tmp_path / "none.toml")


def test_a_scenario_is_found_by_name_or_path(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    assert scenario_file("mine", tmp_path) == path
    assert scenario_file("steady", tmp_path).stem == "steady"
    assert scenario_file(str(path)) == path
    with pytest.raises(ValueError, match=r"unknown scenario 'stedy'; choose big-messages, .*steady"):
        scenario_file("stedy")


def test_consecutive_windows_use_no_steps() -> None:
    flags = Conditions(users=7, window_s=2, duration_s=60).swarm_flags
    assert (flags["--steps"], flags["-u"], flags["--dwell"]) == (None, 7, 2)
    assert "--steps" not in Conditions().swarm_flags


# Time to recover


def seconds(*p99: float | None, missing: Sequence[int] = (), away: Sequence[int] = ()) -> list[Second]:
    """Make a second of each p99; `missing` ones miss a delivery, in `away` ones half of the members are away."""
    made = []
    for number, value in enumerate(p99):
        expected = 100 * MEMBERS // (2 if number in away else 1)
        delivered = expected - (number in missing)
        made.append(Second(START_NS + number * SECOND, 100, expected, delivered, value, value, value))
    return made


def recovery_s(timeline: list[Second], disturbance: tuple[float, float] | None = None, slo_ms: float = 50) -> float:
    made = msgspec.structs.replace(step(MEMBERS), timeline=timeline)
    when = Disturbance(*(START_NS + int(moment * SECOND) for moment in disturbance)) if disturbance else None
    return time_to_recover_s(made, slo_ms, when)


def test_recovery_ends_with_the_last_unhealthy_second() -> None:
    assert recovery_s(seconds(2, 2, 900, 600, 2, 2), (2.0, 3.0)) == pytest.approx(1.0)
    assert recovery_s(seconds(2, 2, 900, 600, 2, 2), (2.0, 3.25)) == pytest.approx(0.75)
    assert recovery_s(seconds(2, 2, 900, 2, 2, 2), (2.0, 3.0)) == 0
    assert recovery_s(seconds(2, 2, 2, 2, 2), (2.0, 3.0)) == 0
    assert recovery_s(seconds(2, 2, 900, 2, 900, 2), (2.0, 3.0)) == pytest.approx(2.0)


def test_a_room_that_is_unhealthy_at_the_end_has_not_recovered() -> None:
    assert recovery_s(seconds(2, 2, 900, 900), (2.0, 3.0)) == math.inf
    assert recovery_s([], (2.0, 3.0)) == math.inf


def test_an_unhealthy_second_before_a_disturbance_does_not_count() -> None:
    assert recovery_s(seconds(900, 2, 2, 2), (2.0, 3.0)) == 0


def test_a_second_is_healthy_by_p99_missing_deliveries_and_members() -> None:
    assert recovery_s(seconds(2, 2, 49, 49, 49, 2), (1.0, 2.0)) == 0
    assert recovery_s(seconds(200, 200, 900, 399, 399), (2.0, 3.0)) == 0
    assert recovery_s(seconds(200, 200, 900, 401, 399), (2.0, 3.0)) == pytest.approx(1.0)
    assert recovery_s(seconds(2, 2, 2, 2, 2, missing=[3]), (2.0, 3.0)) == pytest.approx(1.0)
    assert recovery_s(seconds(2, 2, 2, 2, 2, away=[2, 3]), (2.0, 2.0)) == pytest.approx(2.0)
    assert recovery_s(seconds(2, 2, None, 2, missing=[2]), (1.0, 2.0)) == pytest.approx(1.0)


def test_without_a_disturbance_recovery_counts_from_the_first_unhealthy() -> None:
    assert recovery_s(seconds(2, 900, 900, 2)) == pytest.approx(2.0)
    assert recovery_s(seconds(2, 2, 2)) == 0
    assert recovery_s(seconds(2, 2, 2, away=[1])) == 0, "members that leave are not a disturbance"


def test_the_swarms_own_disturbances_follow_from_its_plan() -> None:
    made = step(MEMBERS)
    burst = planned_disturbance(Conditions(burst_factor=10, burst_at_s=4, burst_for_s=1), made)
    storm = planned_disturbance(Conditions(reconnect_at_s=3, reconnect_jitter_s=2), made)
    assert burst == Disturbance(START_NS + 4 * SECOND, START_NS + 5 * SECOND)
    assert storm == Disturbance(START_NS + 3 * SECOND, START_NS + 5 * SECOND)
    flood = planned_disturbance(Conditions(flood="40x60000", flood_at_s=4), made)
    assert flood == Disturbance(START_NS + 4 * SECOND, START_NS + 4 * SECOND)
    assert planned_disturbance(Conditions(), made) is None


# Rows, table, chart


def made_rows(variation: Variation, steps: dict[str, Step | None]) -> list[Row]:
    made = plan(tuple(steps), users=(50,))
    runs = []
    for trial in made.trials:
        found = steps[trial.arm.label]
        runs.append(run(trial, [found] if found else None, failure=None if found else "the server died"))
    return make_rows(variation, summarise(made, ENVIRONMENT, runs), runs, {})


def made_result(stalled: Sequence[int] = (0, 1, 5)) -> ScenarioResult:
    found = []
    for count in stalled:
        variation = Variation(f"stalled-{count}", Conditions(users=50, stalled=count))
        calm = msgspec.structs.replace(step(50, seconds=10), timeline=seconds(2, 2))
        lossy = msgspec.structs.replace(step(50, missing=5_000 * (count > 0), seconds=10), timeline=seconds(2, 2))
        found += made_rows(variation, {"queue": calm, "direct": lossy})
    return ScenarioResult(FORMAT, ENVIRONMENT, "stalled", "Stalled", "It shows.", "This.", ("stalled",), found)


def printed(result: ScenarioResult) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(answer_in_terminal(scenario_answer(result)))
    return capture.get()


def test_a_row_has_the_healthy_members_and_the_servers_figures() -> None:
    (row,) = made_rows(Variation("run", Conditions()), {"queue": step(50, missing=25)})
    assert row.cell is not None
    assert (row.cell.missing, row.cell.latency_ms.p99) == (25, 8.0)
    assert row.memory_peak_mib == 50
    assert row.time_to_recover_s is None
    assert row.kicked is None, "the server's counts were not read"


def test_a_run_that_failed_is_a_row_with_the_reason() -> None:
    result = made_result()
    failed = made_rows(Variation("stalled-5", Conditions(users=50, stalled=5)), {"gather": None})
    result = msgspec.structs.replace(result, rows=[*result.rows, *failed])
    assert not result.valid
    assert "gather, stalled-5: not measured: the server died" in printed(result)


def test_the_table_has_one_row_per_run_and_says_what_to_look_at() -> None:
    text = printed(made_result())
    for word in ("It shows.", "Look at: This.", "stalled", "healthy p99", "kicks", "5,000", "never"):
        assert word in text
    lines = [line for line in text.splitlines() if "direct" in line or "queue" in line]
    assert len(lines) == 6


def test_windows_that_are_too_short_have_no_p99() -> None:
    conditions = Conditions(users=50, duration_s=5)
    rows = made_rows(Variation("run", conditions), {"queue": step(50), "direct": step(50)})
    text = printed(msgspec.structs.replace(made_result(), rows=rows))
    assert "8.00" not in text
    assert "about 500 messages, which carry p90: p99 needs 1,000" in " ".join(text.split())


def test_a_result_is_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    result = made_result()
    write_scenario(result, tmp_path)
    assert read_scenario_result(tmp_path) == result
    with pytest.raises(ValueError, match=r"scenario\.json"):
        read_scenario_result(tmp_path / "nowhere")


def test_the_chart_shows_p99_and_delivered_share_by_stalled_members() -> None:
    figure = stalled_members(made_result())
    left, right = figure.axes
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    for axes in figure.axes:
        assert tick_names(axes)[0] == ["0", "1", "5"]
        assert axes.get_xlabel() == "members that stall, of 50"
        assert {label.get_text() for label in end_labels(axes)} == {"direct", "queue"}
    assert data(left, "queue") == [(0, 8), (1, 8), (2, 8)]
    assert data(right, "queue") == [(0, 100), (1, 100), (2, 100)]
    assert data(right, "direct") == [(0, 100), (1, 90), (2, 90)]
    never = data(left, "direct")[1][1]
    assert never == data(left, "direct")[2][1] > 50
    assert "never" in tick_names(left)[1]
    assert "p99 with 5 of 50 members stalled: queue 8.00 ms; direct loses 10 %" in texts(figure)


def test_a_chart_is_drawn_only_for_its_axis(tmp_path: Path) -> None:
    result = made_result()
    (drawn,) = draw_scenario(result, tmp_path)
    assert [path.name for path in (drawn.png, drawn.svg)] == ["stalled_members.png", "stalled_members.svg"]
    assert drawn.png.exists()
    assert drawn.svg.exists()
    assert draw_scenario(msgspec.structs.replace(result, axes=("users",)), tmp_path) == []
    assert draw_scenario(msgspec.structs.replace(result, axes=("stalled", "users")), tmp_path) == []
    assert draw_scenario(msgspec.structs.replace(result, rows=[]), tmp_path) == []


def test_recovery_counts_from_the_trials_own_disturbance() -> None:
    variation = Variation("run", Conditions(freeze_at_s=2))
    made = plan(("queue",), users=(50,))
    (trial,) = made.trials
    timeline = seconds(2, 2, 900, 2, 2)
    runs = [run(trial, [msgspec.structs.replace(step(50), timeline=timeline)])]
    disturbances: dict[Trial, Disturbance] = {trial: Disturbance(START_NS + 2 * SECOND, START_NS + 5 * SECOND // 2)}
    (row,) = make_rows(variation, summarise(made, ENVIRONMENT, runs), runs, disturbances)
    assert row.time_to_recover_s == pytest.approx(0.5)


def test_a_disturbance_that_did_not_happen_makes_the_row_invalid() -> None:
    result = made_result()
    never = made_rows(Variation("stalled-5", Conditions(users=50, stalled=5, freeze_at_s=2)), {"gather": step(50)})
    result = msgspec.structs.replace(result, rows=[*result.rows, *never])
    assert not result.valid
    assert "gather, stalled-5: invalid: the server was to be frozen and was not" in printed(result)


def test_a_run_that_failed_late_is_invalid() -> None:
    made = plan(("queue",), users=(50,))
    runs = [run(made.trials[0], [step(50)], failure="the server could not be frozen")]
    (row,) = make_rows(Variation("run", Conditions()), summarise(made, ENVIRONMENT, runs), runs, {})
    assert row.cell is not None
    assert not row.valid
    assert row.cell.valid, "its window was whole"
    assert row.reason == "the server could not be frozen"


def test_planned_rows_that_were_not_run_are_reported() -> None:
    result = made_result()
    assert result.valid
    cut = msgspec.structs.replace(result, planned_rows=len(result.rows) + 3)
    assert not cut.valid
    assert "3 of 9 runs were not made: it ended before them" in printed(cut)


def test_the_chart_names_what_was_not_measured() -> None:
    result = made_result()
    gap = [row for row in result.rows if (row.strategy, row.conditions.stalled) != ("direct", 5)]
    figure = stalled_members(msgspec.structs.replace(result, rows=gap))
    assert "p99 with 5 of 50 members stalled: queue 8.00 ms; direct not measured" in texts(figure)


def test_the_documentation_names_every_scenario_condition_and_field() -> None:
    text = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text()
    for name in (*scenario_files(), *Conditions.__struct_fields__, *Row.__struct_fields__):
        assert f"`{name}`" in text, name


def test_the_scenario_in_the_documentation_can_be_run(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text()
    path = tmp_path / "monday.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    assert [variation.label for variation in read_scenario(path).variations] == ["message_size-64", "message_size-4096"]


def offered(*plans: tuple[int, int], p99: float = 2) -> list[Second]:
    """Make a second of each pair of messages that were sent and withdrawn; all that were sent are delivered."""
    made = []
    for number, (messages, withdrawn) in enumerate(plans):
        deliveries, latency = messages * MEMBERS, p99 if messages else None
        start_ns = START_NS + number * SECOND
        made.append(Second(start_ns, messages, deliveries, deliveries, latency, latency, latency, withdrawn))
    return made


def test_a_storm_is_over_when_somebody_is_back_to_send() -> None:
    full, away = (100, 0), (0, 100)
    assert recovery_s(offered(full, full, away, away, away, away, full), (2.0, 2.0)) == pytest.approx(4.0)
    assert recovery_s(offered(full, full, (50, 50), away, away, full), (2.5, 2.5)) == pytest.approx(2.5)
    assert recovery_s(offered(full, full, away, away), (2.0, 2.0)) == math.inf


def test_a_slow_return_does_not_recover_at_a_lowered_load() -> None:
    slow = [(100, 0), (100, 0), (10, 90), (40, 60), (94, 6), (95, 5), (100, 0)]
    assert recovery_s(offered(*slow), (2.0, 2.0)) == pytest.approx(3.0)
    assert recovery_s(offered(*slow)) == 0, "without a disturbance, who is away by plan is part of the load"


def test_a_second_has_its_own_plan_as_arrivals_are_poisson() -> None:
    assert recovery_s(offered((100, 0), (121, 0), (0, 90), (74, 0), (130, 0)), (2.0, 2.0)) == pytest.approx(1.0)


def test_a_second_for_which_nothing_was_planned_shows_nothing() -> None:
    assert recovery_s(offered((2, 0), (1, 0), (0, 1), (2, 0), (0, 0)), (2.0, 2.0)) == pytest.approx(1.0)
    assert recovery_s(offered((2, 0), (1, 0), (0, 1), (0, 0), (2, 0)), (2.0, 2.0)) == pytest.approx(1.0)
    assert recovery_s(offered((2, 0), (1, 0), (0, 0), (0, 0), (2, 0)), (2.0, 2.0)) == 0
    assert recovery_s(offered((2, 0), (1, 0), (0, 1), (0, 0)), (2.0, 2.0)) == math.inf, "nothing shows a recovery"
    assert recovery_s(offered((2, 0), (1, 0), (2, 0), (0, 0)), (2.5, 3.0)) == math.inf, "healthy only before its end"


def test_p99_is_compared_with_the_worst_second_before() -> None:
    noisy = seconds(60, 130, 60, 900, 140, 125)
    assert recovery_s(noisy, (3.0, 4.0)) == 0, "twice the median before is 120 ms, which Poisson arrivals exceed"
    assert recovery_s(seconds(60, 130, 60, 900, 270, 125), (3.0, 4.0)) == pytest.approx(1.0)


def withdrawing(withdrawn: int) -> ScenarioResult:
    made = msgspec.structs.replace(step(50), planned_messages=300, offered_messages=300, withdrawn_messages=withdrawn)
    rows = made_rows(Variation("stalled-0", Conditions(users=50)), {"queue": made, "direct": step(50)})
    return msgspec.structs.replace(made_result(), rows=rows)


def test_what_was_withdrawn_is_in_table_report_and_chart(tmp_path: Path) -> None:
    result = withdrawing(200)
    assert "200 of 500 (40.0 %)" in printed(result)
    assert "Planned messages withdrawn, as their senders were away by plan: 200 of 1,000" in texts(
        stalled_members(result)
    )
    write_scenario(result, tmp_path)
    remarks = [remark.text for remark in scenario_page(tmp_path).remarks]
    told = "Planned messages withdrawn, as their senders were away by plan: queue, stalled-0 200 of 500 (40.0 %)."
    assert told in remarks


@pytest.mark.parametrize("withdrawn", [0, 200])
def test_a_generated_table_has_a_row_of_what_was_withdrawn_if_anything_was(tmp_path: Path, withdrawn: int) -> None:
    results = StoredResults(tmp_path)
    results.folder("stalled").mkdir(parents=True)
    write_scenario(withdrawing(withdrawn), results.folder("stalled"))
    rows = [line for line in one_scenario(results, "stalled").splitlines() if "messages withdrawn" in line]
    assert len(rows) == (withdrawn > 0)
    assert all("| 0 | 200 |" in row for row in rows), "direct, queue"


def test_where_nothing_was_withdrawn_nothing_is_said(tmp_path: Path) -> None:
    result = withdrawing(0)
    assert "withdrawn" not in printed(result)
    assert "withdrawn" not in texts(stalled_members(result))
    write_scenario(result, tmp_path)
    assert not [remark for remark in scenario_page(tmp_path).remarks if "withdrawn" in remark.text]


def test_arrivals_of_scenarios_are_poisson_unless_told() -> None:
    assert Conditions().workload.arrival == "poisson"
    assert Conditions(arrival="constant").workload.arrival == "constant"


def test_an_empty_room_has_not_recovered() -> None:
    empty = [Second(START_NS + number * SECOND, 0, 0, 0, None, None, None) for number in (3, 4)]
    assert recovery_s([*seconds(2, 2, 900), *empty], (2.0, 2.5)) == math.inf
    assert recovery_s([*seconds(2, 2, 2), *empty], (3.0, 3.5)) == math.inf
