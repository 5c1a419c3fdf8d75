"""The power in CPU per message ~ users^power, on campaigns whose power is known."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from bench.analysis.cost_growth import growths
from bench.model.summary import Cell, Summary
from tests.bench import made_up


def campaign(power: float, blocks: int = 5) -> Summary:
    """Make one in which a message costs 40 us times users^power, give or take 5 %."""
    noise = np.random.default_rng(1)
    summary = made_up.typical_summary(("direct",), blocks)

    def cell(made: Cell) -> Cell:
        message_us = 40 * made.users**power * noise.lognormal(0, 0.05)
        percent = 100 * message_us * made.offered_messages / 1e6 / made.window_s
        return msgspec.structs.replace(made, server=msgspec.structs.replace(made.server, cpu_percent=percent))

    return msgspec.structs.replace(summary, cells=[cell(made) for made in summary.cells])


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_power_is_found_within_its_interval(power: float) -> None:
    (growth,) = growths(campaign(power))
    assert growth.low < power < growth.high
    assert growth.high - growth.low < 0.2
    assert growth.cpu_us[0] == pytest.approx(40 * growth.users[0] ** power, rel=0.1)


@pytest.mark.parametrize("fault", [{"saturated": True}, {"valid": False}, {"deliveries_per_s": 9_000.0}], ids=str)
def test_what_did_not_keep_up_or_is_invalid_does_not_count(fault: dict[str, Any]) -> None:
    summary = campaign(1.0)
    spoilt = [msgspec.structs.replace(cell, **fault) if cell.users == 100 else cell for cell in summary.cells]
    (growth,) = growths(msgspec.structs.replace(summary, cells=spoilt))
    assert growth.users == [users for users in growths(summary)[0].users if users != 100]


def test_less_cpu_time_than_a_tick_is_not_known_and_spoils_nothing() -> None:
    summary = campaign(1.0)
    first, *others = summary.cells
    idle = msgspec.structs.replace(first, server=msgspec.structs.replace(first.server, cpu_percent=0.0))
    (growth,) = growths(msgspec.structs.replace(summary, cells=[idle, *others]))
    assert growth.low < 1 < growth.high


def test_one_block_has_no_interval() -> None:
    assert growths(campaign(1.0, blocks=1)) == []
