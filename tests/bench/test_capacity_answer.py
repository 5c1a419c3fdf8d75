"""From runs to an answer: the outcome of a try, what was the limit, and the wording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.analysis.fifo_queue import delivery_p_ms
from bench.capacity.conclusion import conclude
from bench.capacity.judge import judge
from bench.capacity.result import Capacity, CapacityResult, Limit, Prediction, read_capacity
from bench.capacity.search import Outcome
from bench.capacity.search_runner import SearchRunner
from bench.execution.interruption import Interruption
from bench.model.message_cost import MessageCost
from bench.model.percentile import Percentile
from bench.model.plan import Trial
from bench.model.run import Failure, LoopLag, Run, ServerStats
from bench.presentation.capacity_answer import amount, capacity_answer, capacity_finding, sentences
from bench.presentation.resolution import rounded_down, rounded_to_resolution, rounded_up
from bench.storage.campaign_folder import CampaignFolder
from loadtest.ledger.result import Step
from tests.bench.made_up import ENVIRONMENT, latency, run, samples, step, with_details
from tests.bench.made_up_capacity import LATE, capacity_plan, late_step, made_up_search

PLAN = capacity_plan("direct")
TRIAL = Trial(7, PLAN.arms[0], 1)


def outcome_of(made: Run, percentile: Percentile = Percentile.P99) -> tuple[Outcome, str]:
    plan = msgspec.structs.replace(PLAN, percentile=percentile)
    judged = judge(plan, ENVIRONMENT, made, 100)
    assert (judged.number, judged.strategy, judged.load) == (7, "direct", 100)
    return judged.outcome, judged.reason


def busy(made: Step, generator_percent: float) -> Step:
    return msgspec.structs.replace(
        made, generator=msgspec.structs.replace(made.generator, cpu_percent=generator_percent)
    )


def with_server_at(steps: Sequence[Step], cpu_share: float) -> Run:
    made = run(TRIAL, steps)
    made.samples[:] = samples(cpu_share=cpu_share)
    return made


def stats(kicked: int) -> ServerStats:
    return ServerStats(
        members=0,
        messages_in=0,
        deliveries_out=0,
        notices_out=0,
        dropped=0,
        kicked=kicked,
        loop_lag_ms=LoopLag(0, 0, 0),
    )


@pytest.mark.parametrize(
    ("percentile", "p50", "outcome", "reason"),
    [
        (Percentile.P99, 12.5, Outcome.HELD, ""),
        (Percentile.P99, 12.6, Outcome.FAILED, "p99 50.4 ms"),
        (Percentile.P50, 50, Outcome.HELD, ""),
        (Percentile.P90, 25.1, Outcome.FAILED, "p90 50.2 ms"),
        (Percentile.P99_9, 6.3, Outcome.FAILED, "p99.9 50.4 ms"),
    ],
)
def test_the_slo_decides(percentile: Percentile, p50: float, outcome: Outcome, reason: str) -> None:
    assert outcome_of(run(TRIAL, [step(100, p50=p50)]), percentile) == (outcome, reason)


def test_one_missing_delivery_is_a_failure_however_fast_the_others_were() -> None:
    assert outcome_of(run(TRIAL, [step(100, missing=1)])) == (Outcome.FAILED, "1 of 50,000 deliveries missing")


def test_an_invalid_step_decides_nothing() -> None:
    assert outcome_of(run(TRIAL, [step(100, missing=9, reasons=["the clock was set"])])) == (
        Outcome.DOUBTFUL,
        "the clock was set",
    )


def test_a_run_without_a_measurement_gives_only_the_reason() -> None:
    assert outcome_of(run(TRIAL, None, failure="the swarm crashed")) == (Outcome.DOUBTFUL, "the swarm crashed")
    assert outcome_of(run(TRIAL, [], problems=["nobody joined"])) == (Outcome.DOUBTFUL, "nobody joined")


def test_a_server_that_dies_under_load_has_failed() -> None:
    died = run(TRIAL, [step(100)], failure="the server was killed", server_ended="was killed by SIGKILL")
    assert outcome_of(died) == (Outcome.FAILED, "the server was killed by SIGKILL under load")


def test_a_server_that_kicks_members_has_failed_though_the_step_is_invalid() -> None:
    made = run(TRIAL, [step(100, reasons=["5 members fell out"])])
    kicked = msgspec.structs.replace(made, stats_before=stats(0), stats_after=stats(5))
    assert outcome_of(kicked) == (Outcome.FAILED, "the server kicked 5 members")


def test_a_busy_server_that_does_not_let_all_in_has_failed() -> None:
    few = msgspec.structs.replace(step(100, reasons=["only 60 of 100 users joined"]), joined=60)
    made = run(TRIAL, [few])
    assert outcome_of(made)[0] is Outcome.DOUBTFUL
    made.samples[:] = samples(seconds=20, cpu_share=0.99)
    assert outcome_of(made) == (Outcome.FAILED, "only 60 of 100 users could join")
    made.samples.clear()
    assert outcome_of(made) == (Outcome.DOUBTFUL, "only 60 of 100 users joined")


def test_a_swarm_that_fails_after_a_passed_step_leaves_a_doubt() -> None:
    failure = Failure("/stats could not be read")
    held, missed = (
        msgspec.structs.replace(run(TRIAL, [each]), failure=failure) for each in (step(100), step(100, p50=99))
    )
    assert outcome_of(held) == (Outcome.DOUBTFUL, "/stats could not be read")
    assert outcome_of(missed) == (Outcome.FAILED, "p99 396.0 ms")


@pytest.mark.parametrize(
    ("generator_percent", "server_share", "outcome"),
    [(99, 0.5, Outcome.DOUBTFUL), (99, 0.99, Outcome.FAILED), (50, 0.5, Outcome.FAILED)],
)
def test_a_miss_is_not_the_servers_where_only_the_generator_was_busy(
    generator_percent: float, server_share: float, outcome: Outcome
) -> None:
    made = with_server_at([busy(step(100, p50=99), generator_percent)], server_share)
    assert outcome_of(made)[0] is outcome


def test_a_miss_of_a_window_that_was_cut_short_decides_nothing() -> None:
    cut = msgspec.structs.replace(step(100, p50=99), window_s=1.0)
    outcome, reason = outcome_of(run(TRIAL, [cut], failure="interrupted by SIGINT"))
    assert outcome is Outcome.DOUBTFUL
    assert reason.startswith("the window was cut short after 1.0 of ")


def test_a_miss_is_not_the_servers_where_its_own_load_is_unknown() -> None:
    made = run(TRIAL, [busy(step(100, p50=99), 99)])
    made.samples.clear()
    assert outcome_of(made)[0] is Outcome.DOUBTFUL


def with_lower_bound(made: Step, p50: float) -> Step:
    """Give a step the percentiles around another p50 as the lower bounds of its latencies."""
    return msgspec.structs.replace(made, latency_lower_ms=latency(p50))


@pytest.mark.parametrize(
    ("made", "outcome", "reason"),
    [
        (with_lower_bound(step(100, p50=15), 14), Outcome.FAILED, "p99 60.0 ms"),
        (with_lower_bound(step(100, p50=30), 14), Outcome.FAILED, "p99 56.0 to 120.0 ms"),
        (with_lower_bound(step(100, p50=15), 5), Outcome.DOUBTFUL, "p99 is between 20.0 and 60.0 ms, as reads brought"),
        (with_lower_bound(step(100, p50=12), 5), Outcome.HELD, ""),
        (with_lower_bound(step(100, p50=15, missing=1), 5), Outcome.FAILED, "1 of 50,000 deliveries missing"),
    ],
    ids=["both beyond", "both far beyond", "between", "both within", "missing"],
)
@pytest.mark.parametrize("generator_percent", [50, 99])
def test_the_slo_is_judged_by_the_bounds_of_the_percentile(
    made: Step, outcome: Outcome, reason: str, generator_percent: float
) -> None:
    """The uncertainty of the arrivals bounds nothing: its p99 and that of the latency are of different deliveries."""
    uncertain = msgspec.structs.replace(made.generator, arrival_uncertainty_p99_ms=40.0, cpu_percent=generator_percent)
    result, found = outcome_of(with_server_at([msgspec.structs.replace(made, generator=uncertain)], 0.99))
    assert (result, found[: len(reason)]) == (outcome, reason)
    assert bool(found) == bool(reason)


def test_a_saturated_load_has_failed_however_fast_it_was() -> None:
    saturated = msgspec.structs.replace(step(100), saturated=True)
    assert outcome_of(run(TRIAL, [saturated])) == (Outcome.FAILED, "saturated, as the backlog grew through the window")


def test_a_busy_generator_does_not_spoil_a_passed_load() -> None:
    assert outcome_of(with_server_at([busy(step(100), 99)], 0.2)) == (Outcome.HELD, "")


@pytest.mark.parametrize(("failure", "kept"), [(None, 1), (Failure("interrupted by SIGINT"), 0)])
def test_a_try_that_had_ended_before_the_search_was_interrupted_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Failure | None, kept: int
) -> None:
    interruption, store = Interruption(), CampaignFolder(tmp_path / "results")
    store.create()

    def tried(_campaign: SearchRunner, trial: Trial, load: int) -> Run:
        interruption.signal_name = "SIGINT"
        return msgspec.structs.replace(run(trial, [with_details(step(load), [1_500])]), failure=failure)

    monkeypatch.setattr(SearchRunner, "_run", tried)  # a signal cannot be sent for certain at this moment
    result = SearchRunner(PLAN, ENVIRONMENT, store, interruption, Console(quiet=True)).run()
    assert len(result.tries) == len(read_capacity(store.directory).tries) == kept
    assert len(list(store.runs.iterdir())) == kept


def only(result: CapacityResult) -> Capacity:
    (capacity,) = result.capacities
    return capacity


def at_the_edge(server_share: float, arrival: str = "constant", strategy: str = "direct", missing: int = 0) -> str:
    """Return the evidence for a server with a capacity of 50 users, from a search of two tries."""
    plan = capacity_plan(strategy, limit=100)
    plan = msgspec.structs.replace(plan, workload=msgspec.structs.replace(plan.workload, arrival=arrival))
    tries = [
        msgspec.structs.replace(
            judge(plan, ENVIRONMENT, with_server_at([made], server_share), made.users), strategy=strategy
        )
        for made in (step(50), step(100, p50=30, missing=missing))
    ]
    capacity = only(conclude(plan, ENVIRONMENT, tries))
    assert capacity.limited_by is Limit.SERVER
    return capacity.evidence


def test_the_server_as_the_limit_is_shown_with_how_busy_both_sides_were() -> None:
    result = made_up_search("direct")
    capacity = only(result)
    assert (capacity.low, capacity.held, capacity.high) == (436, 436, 456)
    assert (capacity.limited_by, capacity.confirmed, capacity.tries) == (Limit.SERVER, True, len(result.tries))
    found = sentences(result.plan, capacity)
    assert found[0] == "direct: between 430 and 460 users (all tries within the SLO at 436, all failed at 456)"
    assert found[1].startswith("The server was the limit: at 456 users: p99 120.0 ms, saturated, as the backlog grew ")
    assert result.valid
    assert at_the_edge(server_share=0.99) == (
        "at 100 users: p99 120.0 ms; the server's core 99 % busy, the generator's core 40 % busy"
    )


@pytest.mark.parametrize(
    ("busy_share", "arrival", "is_explained"),
    [(0.5, "constant", False), (0.5, "poisson", False), (0.85, "poisson", True)],
)
def test_a_miss_that_waiting_does_not_explain_has_a_remark(busy_share: float, arrival: str, is_explained: bool) -> None:
    rate = capacity_plan("direct").workload.room_rate
    queue_ms = delivery_p_ms(MessageCost(0, 1e6 * busy_share / rate / 100), 100, rate, 99, arrival)
    assert (1.5 * queue_ms >= 120) is is_explained, "the p99 is 120 ms"
    remark = "" if is_explained else ", so other work may be the reason"
    evidence = at_the_edge(busy_share, arrival)
    assert evidence.endswith(f"; a FIFO queue as busy as that has a p99 of {queue_ms:,.0f} ms{remark}")


def test_nothing_is_said_of_a_queue_where_there_is_none_or_the_latency_is_not_the_reason() -> None:
    for strategy in ("coalesced", "queue"):
        assert "FIFO" not in at_the_edge(0.5, "poisson", strategy)
    assert "FIFO" not in at_the_edge(0.5, "poisson", missing=5_000)
    assert "FIFO" in at_the_edge(0.5, "poisson")


def test_the_generator_as_the_limit_makes_the_answer_at_least() -> None:
    result = made_up_search("coalesced")
    capacity = only(result)
    assert (capacity.held, capacity.high, capacity.limited_by) == (3200, None, Limit.GENERATOR)
    assert amount(result.plan, capacity) == "at least 3,200"
    assert f"The generator was the limit: at 3,341 users: {LATE}" in sentences(result.plan, capacity)[1]
    assert result.valid


def idle_but_late(load: int) -> Step:
    return busy(late_step(load), generator_percent=17)


@pytest.mark.parametrize("doubtful", [step(100, reasons=["the clock was set"]), idle_but_late(100)])
def test_another_doubt_at_the_edge_is_no_limit_and_not_valid(doubtful: Step) -> None:
    plan = capacity_plan("direct", limit=100)
    tries = [
        judge(plan, ENVIRONMENT, run(Trial(number, plan.arms[0], 1), [made]), made.users)
        for number, made in enumerate([step(50), doubtful, doubtful], start=1)
    ]
    result = conclude(plan, ENVIRONMENT, tries)
    assert (only(result).limited_by, only(result).held) == (Limit.DOUBT, 50)
    assert f"at 100 users: {doubtful.reasons[0]}" in only(result).evidence
    assert not result.valid


def test_the_largest_load_that_was_to_be_tried_is_no_limit_of_the_server() -> None:
    capacity = only(made_up_search("coalesced", limit=300))
    assert (capacity.held, capacity.high, capacity.limited_by, capacity.confirmed) == (300, None, Limit.RANGE, True)
    assert capacity.evidence == "300 users is the largest load that may be tried"


def test_a_server_without_a_passing_load_has_none() -> None:
    capacity = only(made_up_search("direct", holds={"direct": 0}))
    assert (amount(PLAN, capacity), capacity.low, capacity.high, capacity.confirmed) == ("none", 0, 1, True)


@pytest.mark.parametrize(
    ("tries", "answer", "limit"),
    [
        (0, "unknown", Limit.UNFINISHED),
        (2, "at least 100, not confirmed", Limit.UNFINISHED),
        (5, "between 400 and 800, not confirmed", Limit.SERVER),
    ],
)
def test_a_search_that_ended_early_claims_no_more_than_it_saw(tries: int, answer: str, limit: Limit) -> None:
    result = made_up_search("direct", max_tries=tries)
    capacity = only(result)
    assert (amount(PLAN, capacity), capacity.limited_by, capacity.confirmed) == (answer, limit, False)
    assert "Not confirmed: the search ended early" in sentences(result.plan, capacity)
    assert result.valid == (tries > 0)


def test_the_finding_names_the_most_first() -> None:
    assert capacity_finding(made_up_search("gather", "direct", "coalesced")) == (
        "Maximum users within the SLO (p99 <= 50 ms): coalesced at least 3,200, direct between 430 and 460, "
        "gather between 140 and 160"
    )


@pytest.mark.parametrize(
    ("load", "resolution", "down", "nearest", "up"),
    [
        (2_263, 0.05, 2_200, 2_300, 2_300),
        (2_300, 0.05, 2_300, 2_300, 2_300),
        (2_263, 0.01, 2_260, 2_260, 2_270),
        (2_263, 0.5, 2_000, 2_000, 3_000),
        (2_263, 0, 2_263, 2_263, 2_263),
        (7, 0.05, 7, 7, 7),
        (0, 0.05, 0, 0, 0),
    ],
)
def test_a_load_has_the_digits_that_the_resolution_carries(
    load: int, resolution: float, down: int, nearest: int, up: int
) -> None:
    assert rounded_down(load, resolution) == down
    assert rounded_to_resolution(load, resolution) == nearest
    assert rounded_up(load, resolution) == up


def test_tries_that_disagree_widen_the_bracket() -> None:
    capacity = msgspec.structs.replace(only(made_up_search("direct")), low=400, held=436, high=617)
    assert sentences(PLAN, capacity)[0] == (
        "direct: between 400 and 620 users (all tries within the SLO at 400, most at 436, all failed at 617)"
    )
    assert amount(PLAN, msgspec.structs.replace(capacity, high=None)) == "at least 400"
    assert amount(PLAN, msgspec.structs.replace(capacity, low=0)) == "below 620"


@pytest.mark.parametrize("strategy", ["direct", "coalesced"])
def test_the_prediction_is_beside_what_was_found(strategy: str) -> None:
    plan = capacity_plan(strategy)
    found = only(made_up_search(strategy, limit=300))
    capacity = msgspec.structs.replace(found, predicted=Prediction(1574, MessageCost(106, 4.404), 12))
    text = sentences(plan, capacity)[-1]
    assert text.startswith(
        "Predicted by a FIFO queue: 1,600 users, with constant arrivals and 106 us of CPU a message and 4.40 us "
    )
    assert ("too low" in text) == (strategy == "coalesced")
    (row,) = capacity_answer(CapacityResult(1, ENVIRONMENT, plan, [], [capacity])).table.rows
    assert row.cells[2] == "1,600"


def test_a_window_too_short_for_its_percentile_is_told_in_the_answer_and_the_result() -> None:
    result = made_up_search("direct")
    assert result.supported_percentile == 90
    assert capacity_answer(result).remarks[-1] == (
        "A window of 5 s has about 500 messages, which carry p90: p99 needs 1,000, so that 10 lie beyond it; give "
        "--duration 10 or more."
    )
    enough = msgspec.structs.replace(PLAN, workload=msgspec.structs.replace(PLAN.workload, duration_s=10))
    found = conclude(enough, ENVIRONMENT, result.tries)
    assert found.supported_percentile == 99
    assert not any("A window" in remark for remark in capacity_answer(found).remarks)


def test_the_strategies_take_turns() -> None:
    tries = made_up_search("direct", "queue", max_tries=6).tries
    assert [(each.strategy, each.load) for each in tries] == [
        (strategy, load) for load in (50, 100, 200) for strategy in ("direct", "queue")
    ]


def test_results_that_still_have_a_scaling_curve_are_read(tmp_path: Path) -> None:
    result = made_up_search("direct")
    stored = msgspec.to_builtins(result)
    stored["capacities"][0]["scaling"] = {"finding": "no fit: 3 different loads", "curve": None, "peak_load": None}
    (tmp_path / "capacity.json").write_bytes(msgspec.json.encode(stored))
    assert read_capacity(tmp_path) == result
