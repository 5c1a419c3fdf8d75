"""Whether verdicts keep their word, on made-up campaigns whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.validation import simulation
from bench.validation.simulated_tables import read_simulation
from bench.validation.simulation import (
    NOISES,
    Noise,
    World,
    covered,
    false_claims,
    false_verdicts_at_the_margin,
    found,
    losses,
    normal,
)

CAMPAIGNS = 300
CHANCE = 0.035  # three standard errors of a share of 0.05 in so many campaigns


@pytest.mark.parametrize("noise", [*NOISES, losses])
def test_equals_are_seldom_told_apart(noise: Noise) -> None:
    assert 0 < false_claims(World(noise, 0.2), CAMPAIGNS, seed=3) <= 0.05 + CHANCE
    assert 0 < false_claims(World(noise, 0.2, arms=2, user_counts=1), CAMPAIGNS, seed=3) <= 0.05 + CHANCE


@pytest.mark.parametrize("noise", [*NOISES, losses])
@pytest.mark.parametrize("spread", [0.02, 0.2])
def test_arms_exactly_on_the_margin_are_seldom_called_beyond_it(noise: Noise, spread: float) -> None:
    assert 0 < false_verdicts_at_the_margin(World(noise, spread), CAMPAIGNS, seed=3) <= 0.05 + CHANCE
    assert 0 < false_verdicts_at_the_margin(World(noise, spread, arms=2, user_counts=1), CAMPAIGNS, 3) <= 0.05 + CHANCE


def test_more_blocks_find_a_true_difference_more_often() -> None:
    powers = [found(World(normal, 0.05, blocks, factor=1.15), 100, seed=3) for blocks in (8, 10, 15)]
    assert powers[0] == 0
    assert 0.4 < powers[1] < powers[2]
    assert found(World(normal, 0.02, factor=1.15), 100, seed=3) > 0.95


@pytest.mark.parametrize("noise", NOISES)
def test_intervals_hold_the_truth_as_often_as_they_say(noise: Noise) -> None:
    signed_ranks, _, bootstrap = covered(noise, CAMPAIGNS, seed=3)
    assert abs(signed_ranks - 0.95) < CHANCE
    assert bootstrap < signed_ranks


def test_what_is_stored_is_what_is_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CAMPAIGNS", "POWER_CAMPAIGNS", "RESAMPLES"):
        monkeypatch.setattr(simulation, name, 5)
    done = CliRunner().invoke(simulation.main, ["--out", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    stored = read_simulation(tmp_path / "new")
    assert [each.name for each in stored.tables] == ["false-claims", "false-verdicts", "power", "coverage"]
    printed = [line.split("│")[1:-1] for line in done.stdout.splitlines() if line.startswith("│")]
    rows = [list(row) for each in stored.tables for row in each.rows]
    assert [[cell.strip() for cell in row] for row in printed] == rows
