"""Verdicts on made-up campaigns, and their wording."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest

from bench.analysis.cells import summarise
from bench.analysis.comparison import Comparison, baseline_of, compare_arms
from bench.analysis.verdict import RELEVANT, LogRatios, Verdict, judge_family
from bench.model.plan import Trial
from bench.model.summary import Summary
from bench.presentation.comparison_wording import headline, verdicts
from bench.presentation.report.campaign_tables import comparisons_table
from loadtest.ledger.result import Latency, Step
from tests.bench.made_up import ENVIRONMENT, plan, run, step

LOSSES = 1_000  # of 25,000 expected by 50 users: the p99 is infinite


def campaign(
    make: Callable[[Trial, int], Step | None],
    arms: Sequence[str] = ("direct", "queue"),
    users: Sequence[int] = (50,),
    blocks: int = 10,
) -> Summary:
    """Make a campaign of the steps that `make` gives for a trial and a user count; `None` is not measured."""
    made = plan(arms, users, blocks)
    runs = []
    for trial in made.trials:
        steps = [make(trial, count) for count in users]
        runs.append(run(trial, [one for one in steps if one]))
    return summarise(made, ENVIRONMENT, runs)


def times(factor: float, scatter: float = 0.01) -> Callable[[Trial, int], Step]:
    """Make `queue` take `factor` times as long as `direct`, give or take a little in each block."""

    def make(trial: Trial, users: int) -> Step:
        block_ms = 1 + 0.3 * (trial.block % 3)
        factors = {"direct": 1, "queue": factor * (1 + scatter * (trial.block - 5.5))}
        return step(users, p50=block_ms * factors[trial.arm.strategy])

    return make


def only(summary: Summary) -> Comparison:
    (one,) = compare_arms(summary)
    return one


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (2, Verdict.SLOWER),
        (0.5, Verdict.FASTER),
        (1.1, Verdict.SLOWER),
        (1.04, Verdict.DIFFERS),
        (0.96, Verdict.DIFFERS),
    ],
)
def test_a_claim_is_significant_and_beyond_five_per_cent(factor: float, verdict: Verdict) -> None:
    one = only(campaign(times(factor, scatter=0.001)))
    assert one.verdict == verdict
    assert one.ratio == pytest.approx(factor, rel=0.01)
    assert one.low < one.ratio < one.high
    assert one.adjusted_p == one.p_value == 2 / 2**10
    assert (one.blocks_used, one.blocks_invalid, one.blocks_unmeasured, one.blocks_missing) == (10, 0, 0, 0)


def test_a_large_ratio_that_is_not_significant_is_no_claim() -> None:
    one = only(campaign(times(1.2, scatter=0.1)))
    assert one.ratio > 1.1
    assert one.adjusted_p > 0.05
    assert one.verdict == Verdict.NO_DIFFERENCE


def test_beyond_five_per_cent_is_tested_and_not_read_off_the_estimate() -> None:
    """A ratio that scatters around 1.06 differs from 1 in every block, but is not shown to be beyond 1.05."""
    one = only(campaign(times(1.06, scatter=0.005)))
    assert one.ratio > RELEVANT
    assert one.low > 1
    assert one.adjusted_p < 0.05 < one.adjusted_p_beyond
    assert one.verdict == Verdict.DIFFERS
    assert verdicts(campaign(times(1.06, scatter=0.005))) == [
        f"queue differs from direct at 50 users ({one.ratio:.2f} times its p99, 95 % interval {one.low:.2f} to "
        f"{one.high:.2f}, 10 blocks), but not shown to be by more than 5 %"
    ]
    sure = only(campaign(times(1.06, scatter=0.0005)))
    assert sure.adjusted_p_beyond == sure.p_beyond == 2 / 2**10
    assert sure.verdict == Verdict.SLOWER


@pytest.mark.parametrize("factor", [RELEVANT, 1 / RELEVANT])
def test_a_ratio_on_the_margin_is_not_beyond_it(factor: float) -> None:
    log_ratios = np.full(20, math.log(factor))
    (judgement,) = judge_family([LogRatios(log_ratios, log_ratios)])
    assert (judgement.p_beyond, judgement.finding) == (1, Verdict.DIFFERS)


def test_a_verdict_follows_holm_with_fewer_blocks_than_are_advised() -> None:
    """Nine comparisons are clear in nine blocks; the tenth has eight valid ones, and Holm's last step asks less."""
    users = tuple(range(50, 100, 5))

    def make(trial: Trial, count: int) -> Step:
        late = trial.block == 1 and count == users[-1]
        return step(count, p50=99, reasons=["late"]) if late else times(3)(trial, count)

    *_, last = compare_arms(campaign(make, users=users, blocks=9))
    assert (last.blocks_used, last.blocks_missing) == (8, 1)
    assert len(users) * last.p_beyond > 0.05 > last.adjusted_p_beyond
    assert last.verdict == Verdict.SLOWER


def test_what_all_runs_of_a_block_share_cancels() -> None:
    calm = compare_arms(campaign(times(1.5)))

    def drifting(trial: Trial, users: int) -> Step:
        made = times(1.5)(trial, users).latency_ms.p50
        assert made is not None
        return step(users, p50=made * 3 ** (trial.block % 4))

    assert compare_arms(campaign(drifting))[0].ratio == pytest.approx(calm[0].ratio)


def test_swapping_the_arms_inverts_ratio_interval_and_verdict() -> None:
    def swapped(trial: Trial, users: int) -> Step:
        other = {"direct": "queue", "queue": "direct"}[trial.arm.strategy]
        return times(1.3)(Trial(trial.block, type(trial.arm)(other, other), trial.seed), users)

    one, other = only(campaign(times(1.3))), only(campaign(swapped))
    assert (one.verdict, other.verdict) == (Verdict.SLOWER, Verdict.FASTER)
    assert (other.ratio, other.low, other.high) == pytest.approx((1 / one.ratio, 1 / one.high, 1 / one.low))


def test_the_family_is_every_arm_at_every_user_count_against_direct() -> None:
    def make(trial: Trial, users: int) -> Step:
        return step(users, p50=2 * (1 + 0.01 * trial.block * (trial.arm.label == "queue")))

    summary = campaign(make, ("gather", "direct", "queue"), (50, 100))
    comparisons = compare_arms(summary)
    assert baseline_of(summary.plan).label == "direct"
    assert [(one.arm, one.baseline, one.users) for one in comparisons] == [
        (arm, "direct", users) for arm in ("gather", "queue") for users in (50, 100)
    ]
    assert [one.adjusted_p for one in comparisons] == [1, 1, 4 * 2 / 2**10, 4 * 2 / 2**10]


def test_without_direct_the_first_arm_is_the_baseline() -> None:
    assert baseline_of(plan(("queue", "gather"))).label == "queue"
    assert baseline_of(plan(("queue", "direct", "direct"))).label == "direct#1"
    assert compare_arms(campaign(times(1), ("direct",))) == []
    assert verdicts(campaign(times(1), ("direct",))) == []


def test_equals_show_no_difference() -> None:
    summary = campaign(lambda trial, users: step(users, p50=2 + 0.1 * trial.block), ("direct", "direct"), blocks=10)
    assert only(summary).verdict == Verdict.NO_DIFFERENCE
    assert verdicts(summary) == [
        "No difference found between direct#2 and direct#1 at 50 users "
        "(p99, 95 % interval of the ratio 1.00 to 1.00, 10 blocks)"
    ]


@pytest.mark.parametrize(("blocks", "words"), [(1, "5 more blocks"), (5, "1 more block")])
def test_too_few_blocks_make_no_claim_and_say_how_many_are_missing(blocks: int, words: str) -> None:
    summary = campaign(times(3), blocks=blocks)
    assert only(summary).verdict == Verdict.TOO_FEW_BLOCKS
    assert only(summary).blocks_missing == 6 - blocks
    assert verdicts(summary) == [f"Exploratory: a verdict needs {words}"]
    assert only(campaign(times(3), blocks=6)).verdict == Verdict.SLOWER


def test_a_block_counts_only_where_both_sides_are_valid() -> None:
    def make(trial: Trial, users: int) -> Step:
        invalid = (trial.block, trial.arm.label) in {(2, "direct"), (3, "queue")}
        return step(users, p50=99, reasons=["late"]) if invalid else times(2)(trial, users)

    one = only(campaign(make))
    assert (one.verdict, one.blocks_used, one.blocks_invalid) == (Verdict.SLOWER, 8, 2)
    assert one.ratio == pytest.approx(2, rel=0.01)
    assert "8 of 10 blocks" in verdicts(campaign(make))[0]
    short = campaign(make, blocks=7)
    assert (only(short).verdict, only(short).blocks_missing) == (Verdict.TOO_FEW_VALID_BLOCKS, 1)
    assert verdicts(short) == ["No verdict on queue against direct at 50 users: 2 of 7 blocks invalid; plan 1 more"]


def test_an_unmeasured_count_is_no_claim() -> None:
    def make(trial: Trial, users: int) -> Step | None:
        return None if (trial.arm.label, users) == ("queue", 100) else times(2)(trial, users)

    summary = campaign(make, users=(50, 100))
    assert [one.verdict for one in compare_arms(summary)] == [Verdict.SLOWER, Verdict.NOT_MEASURED]
    assert compare_arms(summary)[1].blocks_unmeasured == 10
    assert verdicts(summary)[1] == (
        "No verdict on queue against direct at 100 users: 10 of 10 blocks did not measure both; plan 7 more"
    )


@pytest.mark.parametrize(
    ("loser", "verdict", "ratio"), [("queue", Verdict.SLOWER, math.inf), ("direct", Verdict.FASTER, 0)]
)
def test_missing_deliveries_are_infinitely_late(loser: str, verdict: Verdict, ratio: float) -> None:
    summary = campaign(lambda trial, users: step(users, missing=LOSSES * (trial.arm.label == loser)))
    one = only(summary)
    assert (one.verdict, one.ratio, one.low, one.high) == (verdict, ratio, ratio, ratio)
    assert verdicts(summary) == [
        f"queue is {verdict} than direct at 50 users: {loser} misses so many deliveries that its p99 is infinite "
        "(10 blocks)"
    ]


def test_a_few_infinite_blocks_open_the_interval() -> None:
    def make(trial: Trial, users: int) -> Step:
        lost = trial.arm.label == "queue" and trial.block <= 2
        return step(users, missing=LOSSES) if lost else times(2)(trial, users)

    summary = campaign(make)
    one = only(summary)
    assert one.verdict == Verdict.SLOWER
    assert 1.9 < one.low < one.ratio < one.high == math.inf
    assert verdicts(summary) == [
        f"queue takes {one.ratio:.2f} times as long as direct at 50 users (p99, 95 % interval above {one.low:.2f}, "
        "10 blocks)"
    ]


def test_where_both_miss_deliveries_nothing_is_claimed() -> None:
    summary = campaign(lambda _, users: step(users, missing=LOSSES))
    assert only(summary).verdict == Verdict.BOTH_INFINITE
    assert math.isnan(only(summary).ratio)
    assert verdicts(summary) == [
        "No verdict on queue against direct at 50 users: both miss so many deliveries that their p99 is infinite"
    ]


def test_blocks_in_which_both_are_infinite_do_not_count() -> None:
    def make(trial: Trial, users: int) -> Step:
        return step(users, missing=LOSSES) if trial.block <= 5 else times(2)(trial, users)

    summary = campaign(make)
    one = only(summary)
    assert (one.verdict, one.blocks_used, one.blocks_infinite) == (Verdict.BOTH_INFINITE, 10, 5)
    assert verdicts(summary) == [
        "No verdict on queue against direct at 50 users: 5 of 10 blocks uninformative, as both miss so many deliveries "
        "that their p99 is infinite; plan 1 more"
    ]
    assert "no verdict on queue" in headline([one], 10)


def test_where_each_is_infinite_in_turn_no_difference_is_found() -> None:
    def make(trial: Trial, users: int) -> Step:
        loses = "queue" if trial.block % 2 else "direct"
        return step(users, missing=LOSSES) if trial.arm.label == loses else step(users)

    summary = campaign(make)
    assert only(summary).verdict == Verdict.NO_DIFFERENCE
    assert verdicts(summary) == [
        "No difference found between queue and direct at 50 users (p99, 95 % interval of the ratio without bounds, "
        "10 blocks)"
    ]


def test_claims_of_several_user_counts_are_one_sentence() -> None:
    def make(trial: Trial, users: int) -> Step:
        return times(users / 100)(trial, users)

    summary = campaign(make, users=(50, 100, 200, 400))
    faster, level, *slower = compare_arms(summary)
    first, second = (f"{one.low:.2f} to {one.high:.2f}" for one in slower)
    assert verdicts(summary) == [
        f"queue is 2.00 times as fast as direct at 50 users (p99, 95 % interval {1 / faster.high:.2f} to "
        f"{1 / faster.low:.2f}, 10 blocks)",
        f"queue takes 2.00 times as long as direct at 200 users (p99, 95 % interval {first}, 10 blocks) and "
        f"4.00 times at 400 ({second})",
        "No difference found between queue and direct at 100 users (p99, 95 % interval of the ratio "
        f"{level.low:.2f} to {level.high:.2f}, 10 blocks)",
    ]


def saturating(loser: str) -> Callable[[Trial, int], Step]:
    """Let `loser` fall behind: its p99 is that of a backlog, which the length of the window decides."""

    def make(trial: Trial, users: int) -> Step:
        made = step(users, p50=2 + 0.1 * trial.block)
        slow = msgspec.structs.replace(step(users, p50=1_000), saturated=True)
        return slow if loser in (trial.arm.strategy, "both") else made

    return make


@pytest.mark.parametrize(
    ("loser", "verdict", "ratio"), [("queue", Verdict.SLOWER, math.inf), ("direct", Verdict.FASTER, 0)]
)
def test_a_saturated_cell_is_slower_by_no_factor(loser: str, verdict: Verdict, ratio: float) -> None:
    summary = campaign(saturating(loser))
    one = only(summary)
    assert (one.verdict, one.ratio, one.low, one.high, one.blocks_saturated) == (verdict, ratio, ratio, ratio, 10)
    assert verdicts(summary) == [
        f"queue is {verdict} than direct at 50 users: {loser} is saturated, so that its p99 grows with the window and "
        "there is no factor (10 blocks)"
    ]
    (row,) = comparisons_table([one]).rows
    assert row.cells[2:4] == ("no factor", "none")
    assert row.cells[-1] == ("slower: saturated" if loser == "queue" else "faster: direct saturated")


def test_of_two_saturated_cells_nothing_is_said() -> None:
    summary = campaign(saturating("both"))
    assert only(summary).verdict == Verdict.BOTH_SATURATED
    assert verdicts(summary) == ["No verdict on queue against direct at 50 users: both are saturated"]
    assert only(campaign(saturating("both"), blocks=1)).verdict == Verdict.BOTH_SATURATED


def bracketed(factor: float, width: float) -> Callable[[Trial, int], Step]:
    """Make `queue` take `factor` times as long, with a lower bound of `width` times its p99 below it."""

    def make(trial: Trial, users: int) -> Step:
        made = times(factor, scatter=0.001)(trial, users)
        if trial.arm.strategy == "direct":
            return made
        lower = {name: getattr(made.latency_ms, name) / width for name in Latency.__struct_fields__}
        return msgspec.structs.replace(made, latency_lower_ms=Latency(**lower))

    return make


def test_a_verdict_holds_at_both_ends_of_a_bracket() -> None:
    one = only(campaign(bracketed(2, 1.5)))
    assert one.verdict == Verdict.SLOWER
    assert (one.ratio_low, one.ratio_high) == pytest.approx((2 / 1.5, 2), rel=0.01)
    assert one.low < one.ratio_low < one.ratio_high < one.high
    assert "queue takes 1.33 to 2.00 times as long as direct" in verdicts(campaign(bracketed(2, 1.5)))[0]
    (row,) = comparisons_table([one]).rows
    assert row.cells[2] == "1.33 to 2.00"


def test_a_bracket_whose_ends_disagree_prevents_a_verdict() -> None:
    summary = campaign(bracketed(1.5, 1.6))
    one = only(summary)
    assert one.verdict == Verdict.WIDE_BRACKETS
    assert only(campaign(bracketed(1.5, 1.0))).verdict == Verdict.SLOWER
    assert verdicts(summary) == [
        "No verdict on queue against direct at 50 users: what is known of their p99 is a bracket, and its ends "
        "disagree (ratio 0.94 to 1.50)"
    ]
    (row,) = comparisons_table([one]).rows
    assert row.cells[-1] == "brackets too wide"


def test_a_narrow_bracket_is_shown_as_one_figure() -> None:
    one = only(campaign(bracketed(2, 1.02)))
    assert one.verdict == Verdict.SLOWER
    (row,) = comparisons_table([one]).rows
    assert row.cells[2] == "2.00"
