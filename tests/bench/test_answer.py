"""The answer: the maximum users of each strategy within the SLO."""

from __future__ import annotations

from io import StringIO

import msgspec
import pytest
from rich.console import Console

from bench.analysis.cells import summarise
from bench.analysis.max_users import MaxUsers, max_users_within_slo
from bench.model.summary import Summary
from bench.presentation.comparison_answer import comparison_answer, users_table
from bench.presentation.max_users_wording import slo_finding
from bench.presentation.terminal import answer_in_terminal
from bench.presentation.text import listing
from loadtest.ledger.result import MedianAndTail, Step
from tests.bench.made_up import ENVIRONMENT, latency, plan, run, step, typical_summary

WITHIN_SLO = "Maximum users within the SLO (p99 <= 50 ms, in windows too short for a p99)"


def summary_of(*steps: Step) -> Summary:
    made = plan(users=(50, 100))
    return summarise(made, ENVIRONMENT, [run(made.trials[0], steps)])


@pytest.mark.parametrize(
    "bad",
    [step(100, p50=13), step(100, missing=1)],
    ids=["too slow", "missing"],
)
def test_a_slow_or_incomplete_cell_is_not_within_the_slo(bad: Step) -> None:
    assert max_users_within_slo(summary_of(step(50), bad), "direct") == MaxUsers(50)


def test_a_p99_equal_to_the_slo_is_within_it() -> None:
    assert max_users_within_slo(summary_of(step(50), step(100, p50=12.5)), "direct") == MaxUsers(100)


def test_a_user_count_is_within_the_slo_only_in_every_block() -> None:
    made = plan(users=(50, 100), blocks=2)
    runs = [
        run(made.trials[0], [step(50), step(100)]),
        run(made.trials[1], [step(50), step(100, missing=1)]),
    ]
    assert max_users_within_slo(summarise(made, ENVIRONMENT, runs), "direct") == MaxUsers(50)
    assert max_users_within_slo(summarise(made, ENVIRONMENT, runs[:1]), "direct") == MaxUsers(0, (50, 100))


def test_most_blocks_are_enough_if_the_others_are_invalid() -> None:
    made = plan(users=(50, 100), blocks=3)
    invalid = step(100, missing=1, reasons=["late"])
    runs = [run(trial, [step(50), step(100)]) for trial in made.trials[:2]]
    summary = summarise(made, ENVIRONMENT, [*runs, run(made.trials[2], [step(50), invalid])])
    assert max_users_within_slo(summary, "direct") == MaxUsers(100, (), 1)
    assert slo_finding(summary) == f"{WITHIN_SLO}: direct 100 (the highest count tried; 2 of 3 blocks)"
    summary = summarise(made, ENVIRONMENT, [*runs[:1], *(run(each, [step(50), invalid]) for each in made.trials[1:])])
    assert slo_finding(summary) == f"{WITHIN_SLO}: direct 50 (unknown at 100)"


@pytest.mark.parametrize("fault", ["died before", "died within", "kicked"])
def test_a_block_in_which_the_server_was_at_fault_is_not_excused(fault: str) -> None:
    made = plan(users=(50, 100), blocks=3)
    steps = [step(50)] if fault == "died before" else [step(50), step(100, reasons=["members fell out"])]
    failure = None if fault == "kicked" else "the server was killed by SIGKILL under load"
    last = run(made.trials[2], steps, failure=failure)
    summary = summarise(made, ENVIRONMENT, [*(run(each, [step(50), step(100)]) for each in made.trials[:2]), last])
    if fault == "kicked":
        *others, cell = summary.cells
        kicked = msgspec.structs.replace(cell, server=msgspec.structs.replace(cell.server, kicked=3))
        summary = msgspec.structs.replace(summary, cells=[*others, kicked])
    assert max_users_within_slo(summary, "direct") == MaxUsers(50, (100,))
    assert [row[-1] for row in rows(printed(summary), "direct")] == ["yes", "unknown"]


def test_the_finding_names_the_best_first_and_the_highest_count_tried() -> None:
    made = plan(("gather", "direct", "queue"), users=(50, 100))
    sweeps = {
        "direct": [step(50), step(100)],
        "queue": [step(50), step(100)],
        "gather": [step(50, missing=1)],
    }
    runs = [run(trial, sweeps[trial.arm.label]) for trial in made.trials]
    assert slo_finding(summarise(made, ENVIRONMENT, runs)) == (
        f"{WITHIN_SLO}: direct and queue 100 (the highest count tried); gather none"
    )


def test_the_finding_does_not_judge_unmeasured_strategies() -> None:
    made = plan(("direct", "queue"), users=(50,))
    direct = next(trial for trial in made.trials if trial.arm.label == "direct")
    summary = summarise(made, ENVIRONMENT, [run(direct, [step(50)])])
    assert slo_finding(summary) == (f"{WITHIN_SLO}: direct 50 (the highest count tried); queue not measured")


def test_a_count_above_a_failed_one_does_not_count() -> None:
    assert max_users_within_slo(summary_of(step(50, missing=1), step(100)), "direct") == MaxUsers(0)
    unsure = summary_of(step(50, reasons=["late"]), step(100))
    assert max_users_within_slo(unsure, "direct") == MaxUsers(100, (50,))
    assert slo_finding(unsure) == f"{WITHIN_SLO}: direct 100 (the highest count tried; unknown at 50)"


def test_an_unknown_count_neither_passes_nor_fails() -> None:
    late = "messages went out late"
    assert max_users_within_slo(summary_of(step(50), step(100, reasons=[late])), "direct") == MaxUsers(50, (100,))
    assert max_users_within_slo(summary_of(step(50, reasons=[late]), step(100, missing=1)), "direct") == MaxUsers(
        0, (50,)
    )
    made = plan(("direct", "queue"), users=(50, 100))
    sweeps = {
        "direct": [step(50), step(100, reasons=[late])],
        "queue": [step(50, reasons=[late]), step(100, missing=1)],
    }
    runs = [run(trial, sweeps[trial.arm.label]) for trial in made.trials]
    assert slo_finding(summarise(made, ENVIRONMENT, runs)) == (
        f"{WITHIN_SLO}: direct 50 (unknown at 100); queue none for certain (unknown at 50)"
    )
    nothing = summary_of(step(50, reasons=[late]), step(100, reasons=[late]))
    assert slo_finding(nothing) == f"{WITHIN_SLO}: direct none for certain (unknown at 50 and 100)"


def test_a_saturated_cell_is_not_within_the_slo_however_fast_it_was() -> None:
    saturated = msgspec.structs.replace(step(100), saturated=True)
    assert max_users_within_slo(summary_of(step(50), saturated), "direct") == MaxUsers(50)
    assert [row[-1] for row in rows(printed(summary_of(step(50), saturated)), "direct")] == ["yes", "no, saturated"]


@pytest.mark.parametrize(
    ("lower_p50", "upper_p50", "most", "word"),
    [
        (10, 12, MaxUsers(100), "yes"),
        (10, 15, MaxUsers(50, (100,)), "unknown"),
        (13, 15, MaxUsers(50), "no"),
    ],
)
def test_the_bounds_of_the_p99_decide_where_they_agree(
    lower_p50: float, upper_p50: float, most: MaxUsers, word: str
) -> None:
    made = msgspec.structs.replace(step(100, p50=upper_p50), latency_lower_ms=latency(lower_p50))
    summary = summary_of(step(50), made)
    assert max_users_within_slo(summary, "direct") == most
    assert [row[-1] for row in rows(printed(summary), "direct")] == ["yes", word]


def test_windows_too_short_for_a_p99_are_told_in_the_answer_and_the_summary() -> None:
    summary = summary_of(step(50))
    assert summary.supported_percentile == 90
    assert "A window of 5 s has about 500 messages, which carry p90: p99 needs 1,000" in printed(summary)


def test_names_are_joined_with_commas_and_and() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"


def printed(summary: Summary) -> str:
    output = StringIO()
    Console(file=output, width=120).print(answer_in_terminal(comparison_answer(summary)))
    return output.getvalue()


def rows(text: str, strategy: str) -> list[list[str]]:
    table = [[word.strip() for word in line.strip("│").split("│")] for line in text.splitlines() if "│" in line]
    return [row for row in table if row[0] == strategy]


def test_the_table_shows_never_and_the_remarks_give_reasons() -> None:
    made = plan(("direct",), users=(50, 100, 200))
    steps = [
        step(50, reasons=["generator late; use more cores"], seconds=10),
        step(100, missing=25_000, seconds=10),
    ]
    text = printed(summarise(made, ENVIRONMENT, [run(made.trials[0], steps, not_measured=[200])]))
    assert [row[-1] for row in rows(text, "direct")] == ["invalid", "no"]
    assert rows(text, "direct")[1][2:6] == ["2.00", "never", "never", "never"]
    assert rows(text, "direct")[1][7] == "25,000"
    assert "direct, 50 users, block 1: invalid: generator late; use more cores" in text
    assert "direct, 200 users, block 1: not measured: the step of 100 users did not drain within 5 s" in text


def test_the_answer_comes_first_in_sentences() -> None:
    first, second, third = printed(typical_summary(("direct", "queue"))).splitlines()[:3]
    assert first == "Exploratory: a verdict needs 7 more blocks."
    assert second == "Maximum users within the SLO (p99 <= 50 ms): direct and queue 400."
    assert third.startswith("┏")


def test_several_blocks_are_one_row() -> None:
    made = plan(users=(50, 100), blocks=3)
    runs = [
        run(made.trials[0], [step(50, p50=1, seconds=10), step(100, p50=11, seconds=10)]),
        run(made.trials[1], [step(50, p50=3, reasons=["late"], seconds=10), step(100, p50=13, seconds=10)]),
        run(
            made.trials[2],
            [step(50, p50=2, missing=1_000, seconds=10), step(100, p50=12, missing=2, seconds=10)],
        ),
    ]
    summary = summarise(made, ENVIRONMENT, runs)
    first, second = rows(printed(summary), "direct")
    assert first == ["direct", "50", "1.50", "never", "never", "never", "4,950", "1,000", "101.0", "2 of 3", "1 of 2"]
    assert second == ["direct", "100", "12.00", *["48.00"] * 3, "10,000", "2", "50.0", "3 of 3", "1 of 3"]
    in_full = users_table(summary, in_full=True)
    assert in_full.columns[4].heading == "range of p99\n(upper bound)"
    assert [row.cells[4] for row in in_full.rows] == ["4.00 to never", "44.00 to 52.00"]


def test_response_and_the_time_until_all_have_a_message_stand_beside_the_p99() -> None:
    made = step(50, p50=2, seconds=10)
    due = msgspec.structs.replace(made.response_ms, p99=9.0)
    late = msgspec.structs.replace(made, response_ms=due, last_receiver_ms=MedianAndTail(2.5, 8.5))
    (row,) = rows(printed(summary_of(late)), "direct")
    assert row[3:6] == ["8.00", "9.00", "8.50"]


def test_a_percentile_that_too_few_messages_carry_is_not_printed() -> None:
    """Of 500 messages five lie beyond the p99, of 1,000 ten: all copies of a message share its fate."""
    (row,) = rows(printed(summary_of(step(50))), "direct")
    assert row[2:6] == ["2.00", "-", "-", "-"]
    assert "A window has 500 messages." in printed(summary_of(step(50)))
    assert "p99 needs 1,000, so that 10 lie beyond it" in " ".join(printed(summary_of(step(50))).split())
    enough = summary_of(step(50, seconds=10))
    workload = msgspec.structs.replace(enough.plan.workload, duration_s=10)
    enough = msgspec.structs.replace(enough, plan=msgspec.structs.replace(enough.plan, workload=workload))
    assert rows(printed(enough), "direct")[0][2:6] == ["2.00", "8.00", "8.00", "8.00"]
    assert "p99 needs" not in printed(enough)


def test_a_poisson_window_carries_what_its_mean_carries() -> None:
    fewer = msgspec.structs.replace(step(50, seconds=10), planned_messages=970, offered_messages=970)
    assert rows(printed(summary_of(fewer)), "direct")[0][3] == "8.00"


def test_a_wide_bracket_of_the_p99_is_shown_and_explained() -> None:
    made = step(50, seconds=10)
    lower = msgspec.structs.replace(made.latency_ms, p99=5.0)
    text = printed(summary_of(msgspec.structs.replace(made, latency_lower_ms=lower)))
    assert rows(text, "direct")[0][3] == "5.00 to 8.00"
    assert "A p99 of two values is a bracket" in text
    narrow = msgspec.structs.replace(made, latency_lower_ms=msgspec.structs.replace(lower, p99=7.5))
    assert rows(printed(summary_of(narrow)), "direct")[0][3] == "8.00"


def test_a_remark_that_blocks_share_is_printed_once() -> None:
    made = plan(users=(50,), blocks=3)
    reasons = [["late"], ["late", "clock"], []]
    runs = [run(trial, [step(50, reasons=expected)]) for trial, expected in zip(made.trials, reasons, strict=True)]
    text = printed(summarise(made, ENVIRONMENT, runs))
    assert "direct, 50 users, blocks 1 and 2: invalid: late\n" in text
    assert "direct, 50 users, block 2: invalid: clock\n" in text
