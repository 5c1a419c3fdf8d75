"""The cost model, on campaigns whose costs are known and on the stored reference campaign."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.analysis.cost_model import CostModel, cost_models, fit
from bench.model.message_cost import MessageCost
from bench.model.summary import Cell, Summary
from bench.presentation.report.cost_tables import cost_finding
from bench.storage.campaign_folder import CampaignFolder
from tests.bench import made_up

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


def with_costs(summary: Summary, message_us: Callable[[int], float], noise: float, seed: int) -> Summary:
    """Give each cell the CPU time of a message, with relative noise that is drawn anew for each."""
    random = np.random.default_rng(seed)

    def cell(made: Cell) -> Cell:
        cpu_us = message_us(made.users) * random.lognormal(0, noise)
        percent = 100 * cpu_us * made.offered_messages / 1e6 / made.window_s
        return msgspec.structs.replace(made, server=msgspec.structs.replace(made.server, cpu_percent=percent))

    return msgspec.structs.replace(summary, cells=[cell(made) for made in summary.cells])


@cache
def without_costs(blocks: int) -> Summary:
    return made_up.typical_summary(("direct",), blocks)


def campaign(cost: MessageCost, blocks: int = 5, noise: float = 0.02, seed: int = 1) -> Summary:
    return with_costs(without_costs(blocks), cost.message_us, noise, seed)


def only(summary: Summary) -> CostModel:
    (model,) = cost_models(summary)
    return model


@pytest.mark.parametrize("cost", [MessageCost(100, 4), MessageCost(0, 4), MessageCost(400, 0)], ids=str)
def test_the_costs_are_found_and_95_percent_of_the_intervals_hold_them(cost: MessageCost) -> None:
    models = [only(campaign(cost, seed=seed)) for seed in range(150)]
    for model in models:
        assert model.cost.fixed_us == pytest.approx(cost.fixed_us, abs=20)
        assert model.cost.per_member_us == pytest.approx(cost.per_member_us, abs=0.2)
        assert model.residual < 0.04
        assert model.blocks == 5
    held = [
        model.fixed_low_us <= cost.fixed_us <= model.fixed_high_us
        and model.per_member_low_us <= cost.per_member_us <= model.per_member_high_us
        for model in models
    ]
    assert 0.85 < np.mean(held) < 1  # both of two intervals of 95 % that are not independent


def test_o_of_n_is_a_cost_for_each_member_and_o_of_1_is_none() -> None:
    of_n, of_1 = (only(campaign(cost, noise=0.001)) for cost in (MessageCost(100, 4), MessageCost(400, 0)))
    assert (of_n.grows, of_1.grows) == (True, False)
    assert "direct is O(n): a message costs " in cost_finding(of_n)
    assert "the members make 67 % of it in a room of 50" in cost_finding(of_n)
    assert "O(1), is not excluded" in cost_finding(of_1)


def test_the_members_share_and_the_slopes_are_those_of_the_costs() -> None:
    model = only(campaign(MessageCost(200, 4), noise=0.0))
    shares = [at.members_share for at in model.of_sizes]
    assert shares == pytest.approx([4 * at.members / (200 + 4 * at.members) for at in model.of_sizes])
    first = model.of_sizes[0]
    assert first.slope_to_next == pytest.approx(np.log(600 / 400) / np.log(2))
    assert model.of_sizes[-1].slope_to_next is None


def test_residuals_are_relative_so_small_rooms_count_as_much_as_large_ones() -> None:
    """By absolute residuals the largest room alone would decide, and the fixed cost would be 60."""
    points = [(1, 104.0), (100, 200.0), (1000, 1100.0), (10_000, 10_500.0)]
    cost = fit(points)
    assert cost is not None
    assert cost.fixed_us == pytest.approx(102, abs=2)


def test_a_fixed_cost_makes_a_power_law_the_worse_model() -> None:
    model = only(campaign(MessageCost(106, 4.4), noise=0.01))
    assert model.residual < 0.02
    assert model.power_law_residual > 2 * model.residual


def test_every_strategy_of_the_reference_campaign_is_o_of_n_and_direct_no_power_law() -> None:
    """In `coalesced` and `queue` what waits together is done together, which neither model describes."""
    models = {model.strategy: model for model in cost_models(CampaignFolder(REFERENCE).read_summary())}
    assert models.keys() == {"direct", "queue", "gather", "coalesced"}
    assert all(model.grows for model in models.values())
    assert models["direct"].residual < models["direct"].power_law_residual


@pytest.mark.parametrize(
    "fault",
    [{"saturated": True}, {"valid": False}, {"deliveries_per_s": 9_000.0}, {"cpu_percent": 95.5}],
    ids=str,
)
def test_what_did_not_keep_up_is_invalid_or_short_of_cpu_does_not_count(fault: dict[str, Any]) -> None:
    summary = campaign(MessageCost(100, 4))

    def spoilt(cell: Cell) -> Cell:
        if cell.users != 100:
            return cell
        if "cpu_percent" in fault:
            return msgspec.structs.replace(cell, server=msgspec.structs.replace(cell.server, **fault))
        return msgspec.structs.replace(cell, **fault)

    model = only(msgspec.structs.replace(summary, cells=[spoilt(cell) for cell in summary.cells]))
    assert [at.members for at in model.of_sizes] == [at.members for at in only(summary).of_sizes if at.members != 100]


def test_less_cpu_time_than_a_tick_is_not_known_and_spoils_nothing() -> None:
    summary = campaign(MessageCost(100, 4))
    first, *others = summary.cells
    idle = msgspec.structs.replace(first, server=msgspec.structs.replace(first.server, cpu_percent=0.0))
    model = only(msgspec.structs.replace(summary, cells=[idle, *others]))
    assert model.per_member_low_us < 4 < model.per_member_high_us


def test_one_block_has_no_interval_and_two_user_counts_no_line() -> None:
    assert cost_models(campaign(MessageCost(100, 4), blocks=1)) == []
    assert fit([(50, 300.0), (50, 310.0), (100, 500.0)]) is None
