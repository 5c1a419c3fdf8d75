"""The plan: what runs, in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.model.plan import make_plan
from tests.bench.made_up import workload

STRATEGIES = ("direct", "queue", "gather", "coalesced")


@given(blocks=st.integers(1, 6), seed=st.integers(0, 1000))
def test_each_block_runs_every_arm_once_before_the_next_begins(blocks: int, seed: int) -> None:
    plan = make_plan(workload(), STRATEGIES, blocks, 50, seed)
    assert [trial.block for trial in plan.trials] == [block for block in range(1, blocks + 1) for _ in STRATEGIES]
    for block in range(1, blocks + 1):
        assert {trial.arm.label for trial in plan.trials if trial.block == block} == set(STRATEGIES)


def test_the_seed_alone_decides_the_order() -> None:
    def order(seed: int) -> tuple[str, ...]:
        return tuple(trial.arm.label for trial in make_plan(workload(), STRATEGIES, 3, 50, seed).trials)

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(10)}) > 1


def test_blocks_differ_in_order_and_in_the_seed_their_arms_share() -> None:
    plan = make_plan(workload(), STRATEGIES, 8, 50, seed=3)
    blocks = [[trial for trial in plan.trials if trial.block == block] for block in range(1, 9)]
    assert len({tuple(trial.arm.label for trial in block) for block in blocks}) > 1
    assert [{trial.seed for trial in block} for block in blocks] == [{3 + block} for block in range(1, 9)]


def test_a_strategy_named_twice_is_set_against_itself_under_two_labels() -> None:
    plan = make_plan(workload(), ["direct", "queue", "direct"], 1, 50, seed=1)
    assert [(arm.label, arm.strategy) for arm in plan.arms] == [
        ("direct#1", "direct"),
        ("queue", "queue"),
        ("direct#2", "direct"),
    ]
    assert len({trial.name for trial in plan.trials}) == 3


def test_the_estimate_counts_joins_warm_up_window_and_settling() -> None:
    assert workload((50, 550)).step_seconds() == [0.1 + 2 + 5 + 2.5, 1 + 2 + 5 + 2.5]
