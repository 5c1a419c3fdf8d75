"""What the chart of ratios shows, read from the drawn figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.axes import Axes

from bench.analysis.comparison import compare_arms
from bench.errors import ChartLeftOutError
from bench.model.plan import Trial
from bench.model.summary import Summary
from bench.presentation.charts.ratio_to_direct import FAINT_ALPHA, ratio_to_direct
from loadtest.ledger.result import Step
from tests.bench.figures import data, end_labels, texts
from tests.bench.made_up import step, typical_summary
from tests.bench.test_comparison import LOSSES, campaign, saturating, times


def drawn(summary: Summary) -> Axes:
    (axes,) = ratio_to_direct(summary).axes
    return axes


def bars(axes: Axes, label: str) -> list[list[float]]:
    return [
        np.asarray(path.vertices)[:, 1].tolist()
        for bar in axes.collections
        if bar.get_label() == f"{label} range"
        for path in bar.get_paths()
    ]


def heights(axes: Axes) -> dict[str, float]:
    return {tick.get_text(): y for tick, y in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}


def test_ratios_are_drawn_with_intervals_around_the_baselines_line() -> None:
    summary = campaign(times(1.5), users=(50, 100))
    axes = drawn(summary)
    comparisons = compare_arms(summary)
    assert data(axes, "queue") == [(one.users, one.ratio) for one in comparisons]
    assert bars(axes, "queue") == [[one.low, one.high] for one in comparisons]
    assert [y for _, y in data(axes, "direct")] == [1, 1]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert heights(axes) == {"0.5": 0.5, "1": 1, "2": 2}
    assert sorted(label.get_text() for label in end_labels(axes)) == ["direct", "queue"]
    assert "a multiple of direct's" in axes.get_ylabel()


def test_the_title_states_the_verdict() -> None:
    text = texts(ratio_to_direct(campaign(times(1.5), users=(50, 100))))
    assert "Against direct, by p99: queue is slower at every user count" in text
    assert "Bars: 95 % intervals." in text
    text = texts(ratio_to_direct(campaign(times(1), users=(50, 100))))
    assert "Against direct, by p99: no difference found for queue" in text


def test_few_blocks_show_their_range_and_one_block_none() -> None:
    summary = campaign(times(1.5), blocks=3)
    (one,) = compare_arms(summary)
    assert bars(drawn(summary), "queue") == [[min(one.block_ratios), max(one.block_ratios)]]
    text = texts(ratio_to_direct(summary))
    assert "Against direct, by p99: exploratory: a verdict needs 3 more blocks" in text
    assert "Bars: the range of the blocks." in text
    look = campaign(times(1.5), blocks=1)
    assert bars(drawn(look), "queue") == []
    assert "Bars" not in texts(ratio_to_direct(look))


@pytest.mark.parametrize(("loser", "tick"), [("queue", "infinite"), ("direct", "0")])
def test_missing_deliveries_are_drawn_beyond_all_ratios(loser: str, tick: str) -> None:
    def make(trial: Trial, users: int) -> Step:
        return step(users, missing=LOSSES * (users // 50) * (users == 100 and trial.arm.label == loser))

    axes = drawn(campaign(make, users=(50, 100)))
    place = heights(axes)[tick]
    assert data(axes, "queue") == [(50, 1), (100, place)]
    low, high = axes.get_ylim()
    assert low < place < high
    others = [y for name, y in heights(axes).items() if name != tick]
    assert place > max(others) if tick == "infinite" else place < min(others)
    assert all(low <= end <= high for bar in bars(axes, "queue") for end in bar)


def test_invalid_blocks_make_a_point_hollow_and_gaps_are_crossed() -> None:
    def make(trial: Trial, users: int) -> Step | None:
        if (trial.arm.label, users) == ("queue", 200):
            return None
        late = ["late"] * (trial.block == 1 and users == 100)
        return step(users, p50=2 * (1 + (trial.arm.label == "queue")), reasons=late)

    axes = drawn(campaign(make, users=(50, 100, 200)))
    assert data(axes, "queue verdict invalid") == [(100, 2)]
    assert data(axes, "queue not measured") == [(200, 2)]


def test_a_ratio_that_nobody_knows_is_left_out() -> None:
    axes = drawn(campaign(lambda _, users: step(users, missing=LOSSES)))
    assert data(axes, "queue") == []
    assert not any(math.isnan(y) for y in axes.get_ylim())


def test_one_strategy_has_no_such_chart() -> None:
    with pytest.raises(ChartLeftOutError, match="one strategy alone"):
        ratio_to_direct(typical_summary(("direct",)))


def test_verdicts_are_solid_and_everything_else_is_faint() -> None:
    """At 100 users the interval excludes 1, and the ratio differs from it, but it is not shown to be beyond 5 %."""

    def make(trial: Trial, users: int) -> Step:
        return times({50: 1.5, 100: 1.05, 200: 1.0}[users], scatter=0.005)(trial, users)

    summary = campaign(make, users=(50, 100, 200))
    axes = drawn(summary)
    comparisons = compare_arms(summary)
    assert comparisons[1].low > 1
    assert data(axes, "queue verdict") == [(50, comparisons[0].ratio)]
    assert data(axes, "queue no verdict") == [(one.users, one.ratio) for one in comparisons[1:]]
    alphas = {line.get_label(): line.get_alpha() for line in axes.lines}
    assert (alphas["queue verdict"], alphas["queue no verdict"]) == (1, FAINT_ALPHA)
    assert [bar.get_alpha() for bar in axes.collections if bar.get_label() == "queue range"] == [1, FAINT_ALPHA]
    assert "Against direct, by p99: queue is slower at 50 users" in texts(ratio_to_direct(summary))
    assert "Solid: a verdict, faster or slower by more than 5 %" in texts(ratio_to_direct(summary))


def test_a_saturated_cell_is_drawn_without_factor_and_bar() -> None:
    axes = drawn(campaign(saturating("queue")))
    place = heights(axes)["no\nfactor"]
    assert data(axes, "queue verdict") == [(50, place)]
    assert bars(axes, "queue") == []
    text = texts(ratio_to_direct(campaign(saturating("queue"))))
    assert "No factor: one side is saturated." in text
    assert "Saturated, so the latency depends on the length of the window: queue 50 users." in text
