"""Runs to cells: the server's share, what was left out, what is invalid."""

from __future__ import annotations

import msgspec
import pytest

from bench.analysis.cells import summarise
from bench.analysis.server_use import server_use
from bench.model.run import ServerSample
from tests.bench.made_up import ENVIRONMENT, SECOND, START_NS, plan, run, samples, step


def test_server_cpu_is_interpolated_at_the_edges_of_the_window() -> None:
    (trial,) = plan().trials
    made = run(trial, [step(50)])
    # One CPU second up to 1 s into the window, then idle: the window's share is half of that second.
    made.samples[:] = [
        ServerSample(START_NS - SECOND, 10.0, 20 * 2**20),
        ServerSample(START_NS + SECOND, 11.0, 40 * 2**20),
        ServerSample(START_NS + 6 * SECOND, 11.0, 90 * 2**20),
    ]
    use = server_use(made, step(50))
    assert use.cpu_percent == pytest.approx(100 * 0.5 / 5)
    assert use.cpu_us_per_delivery == pytest.approx(0.5e6 / 25_000)
    assert use.rss_mib == 40


def test_server_use_is_unknown_where_samples_do_not_cover_the_window() -> None:
    (trial,) = plan().trials
    made = run(trial, [step(50)])
    made.samples[:] = samples(seconds=3)
    assert server_use(made, step(50)).cpu_percent is None


def test_cpu_a_delivery_is_unknown_where_nothing_arrived() -> None:
    (trial,) = plan().trials
    use = server_use(run(trial, []), step(50, missing=25_000))
    assert use.cpu_us_per_delivery is None
    assert use.cpu_percent == pytest.approx(50)


def test_a_cell_offers_the_planned_messages_to_every_user() -> None:
    made = plan()
    (cell,) = summarise(made, ENVIRONMENT, [run(made.trials[0], [step(200)])]).cells
    assert cell.offered_deliveries_per_s == 20_000
    assert (cell.strategy, cell.users, cell.block, cell.valid) == ("direct", 200, 1, True)


def test_missing_deliveries_are_a_result_and_leave_the_cell_valid() -> None:
    made = plan(users=(50,))
    summary = summarise(made, ENVIRONMENT, [run(made.trials[0], [step(50, missing=1000)])])
    assert summary.cells[0].valid
    assert summary.valid


def test_the_swarms_reasons_make_a_cell_invalid() -> None:
    made = plan(users=(50,))
    summary = summarise(made, ENVIRONMENT, [run(made.trials[0], [step(50, reasons=["too late; use more cores"])])])
    assert summary.cells[0].reasons == ["too late; use more cores"]
    assert not summary.cells[0].valid
    assert not summary.valid


def test_only_steps_that_a_dying_server_overlapped_are_invalid() -> None:
    made = plan(users=(50, 100, 200))
    steps = [step(50), step(100, start_ns=START_NS + 7 * SECOND)]
    died = run(made.trials[0], steps, failure="the server was killed", server_ended="was killed by SIGKILL")
    first, second = summarise(made, ENVIRONMENT, [died]).cells
    assert first.valid
    assert second.reasons == ["the server was killed by SIGKILL during the step; see its log"]


def test_what_an_overload_kept_from_being_measured_is_listed_apart() -> None:
    made = plan(users=(50, 100, 200))
    overloaded = run(made.trials[0], [step(50), step(100, missing=9)], not_measured=[200])
    summary = summarise(made, ENVIRONMENT, [overloaded])
    assert [cell.users for cell in summary.cells] == [50, 100]
    (gap,) = summary.not_measured
    assert (gap.strategy, gap.users, gap.block) == ("direct", 200, 1)
    assert gap.reason == "the step of 100 users did not drain within 5 s"
    assert summary.valid


def test_a_swarm_that_measured_nothing_is_invalid_and_says_why() -> None:
    made = plan(users=(50, 100))
    nothing = run(made.trials[0], [], not_measured=[50, 100], problems=["a user could not join: refused"])
    summary = summarise(made, ENVIRONMENT, [nothing])
    assert not summary.valid
    assert [failure.reason for failure in summary.failures] == ["a user could not join: refused"]
    assert {gap.reason for gap in summary.not_measured} == {"a user could not join: refused"}


def test_a_failed_trial_and_one_that_never_began_are_failures() -> None:
    made = plan(("direct", "queue"), users=(50, 100))
    failed = run(made.trials[0], None, failure="the server did not start")
    summary = summarise(made, ENVIRONMENT, [failed])
    assert [failure.reason for failure in summary.failures] == [
        "the server did not start",
        "the campaign ended before this trial",
    ]
    assert len(summary.not_measured) == 4
    assert not summary.valid


def test_the_cpu_share_of_a_restarted_server_is_unknown() -> None:
    (trial,) = plan().trials
    made = run(trial, [step(50)])
    half = len(made.samples) // 2
    made.samples[half:] = [msgspec.structs.replace(sample, pid=sample.pid + 1) for sample in made.samples[half:]]
    use = server_use(made, step(50))
    assert (use.cpu_percent, use.cpu_us_per_delivery) == (None, None)
    assert use.rss_mib is not None
