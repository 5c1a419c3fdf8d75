"""Simulated changes before a gate: how often it fails unchanged code, and how often it finds slower code.

`python -m bench.validation.gate_simulation` prints the rates of both kinds of gate, from a fixed seed. They are judged
by the code that judges real campaigns. `--out` stores them as `simulation.json`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from bench.analysis.brackets import Bracket
from bench.analysis.paired_tests import holm
from bench.analysis.unpaired_tests import FAMILY_ERROR_RATE
from bench.gate.between_campaigns import BetweenCampaigns
from bench.gate.readings import Readings
from bench.gate.regression import Regression
from bench.gate.within_campaign import WithinCampaign
from bench.validation.simulated_tables import FORMAT, SimulatedTable, SimulationResult, store_and_print

SEED = 1
CAMPAIGNS = 1000
POWER_CAMPAIGNS = 400
STRATEGIES, USER_COUNTS, BLOCKS = 4, 5, 10  # as `compare` has by default, with ten blocks
FAMILY = STRATEGIES * USER_COUNTS
NOISE = 0.05
BLOCK_DRIFT = 0.03
DRIFTS = (0.0, 0.05, 0.1)
FACTORS = (1.0, 1.1, 1.2)
FEW, PAIRS = 4, 500  # comparisons, of which one is slower; pairs of campaigns
FEW_BLOCKS = (6, 10, 15)
BETWEEN_ALLOWED, WITHIN_ALLOWED = 0.1, 0.05  # the defaults of the gate
MEASURE = "p99"


@dataclass(frozen=True)
class Change:
    """A change of the code that makes every p99 `factor` times as long, or only one, measured before and after.

    All spreads are standard deviations of logarithms: `drift` is the machine's between two campaigns, common to all
    that is in one; `BLOCK_DRIFT` is common to all runs of a block. `noise` is a run's own, of which half the variance
    belongs to its server and is common to all user counts, and half to each cell. A gate allows what is `allowed`.
    """

    gate: Callable[..., Regression]
    drift: float
    factor: float
    noise: float = NOISE
    allowed: float = BETWEEN_ALLOWED
    blocks: int = BLOCKS
    only_one: bool = False

    def family(self, random: np.random.Generator) -> list[Regression]:
        """Measure once: in one campaign that has both sides, or in two campaigns."""
        shape = (2, STRATEGIES, USER_COUNTS, self.blocks)
        campaigns = 1 if self.gate is WithinCampaign else 2
        drift = random.normal(0, self.drift, (campaigns, 1, 1, 1))
        block = random.normal(0, BLOCK_DRIFT, (campaigns, 1, 1, self.blocks))
        server = random.normal(0, self.noise / math.sqrt(2), (2, STRATEGIES, 1, self.blocks))
        cell = random.normal(0, self.noise / math.sqrt(2), shape)
        p99 = np.exp(drift + block + server + cell)
        p99[1, :1, :1] *= self.factor if self.only_one else 1.0
        p99[1] *= 1.0 if self.only_one else self.factor
        return [
            self.gate(MEASURE, "any", users, _readings(p99[0, strategy, users]), _readings(new), self.allowed)
            for strategy in range(STRATEGIES)
            for users, new in enumerate(p99[1, strategy])
        ]


def failed(change: Change, campaigns: int, seed: int) -> float:
    """Return the share of measurements of a change that fail its gate."""
    random = np.random.default_rng(seed)
    return sum(_fails(change.family(random)) for _ in range(campaigns)) / campaigns


def found_among_few(noise: float, blocks: int, factor: float, seed: int) -> float:
    """Return how often two campaigns, without drift, show the only slower one of `FEW` comparisons to be worse."""
    random, found = np.random.default_rng(seed), 0
    for _ in range(PAIRS):
        old, new = (
            _readings(np.exp(random.normal(centre, noise, blocks)).tolist()) for centre in (0, math.log(factor))
        )
        one = BetweenCampaigns(MEASURE, "any", 1, old, new, BETWEEN_ALLOWED)
        known = one.as_known()
        found += one.fails(min(1, FEW * one.p_value(*known)), one.estimate(*known))  # Holm's smallest p
    return found / PAIRS


def _readings(values: Sequence[float]) -> Readings:
    return Readings({block: Bracket(float(value), float(value)) for block, value in enumerate(values, 1)}, ())


def _fails(family: Sequence[Regression]) -> bool:
    known = [each.as_known() for each in family]
    adjusted = holm([each.p_value(*values) for each, values in zip(family, known, strict=True)])
    return any(
        p <= FAMILY_ERROR_RATE and each.fails(p, each.estimate(*values))
        for each, values, p in zip(family, known, adjusted, strict=True)
    )


def tables() -> tuple[SimulatedTable, ...]:
    """Simulate both kinds of gate by the drift between campaigns, and the one within a campaign by the noise."""
    gates = (("one campaign", WithinCampaign, WITHIN_ALLOWED), ("two campaigns", BetweenCampaigns, BETWEEN_ALLOWED))
    rates = [
        (
            name,
            f"{drift:.0%}",
            f"{allowed:.0%}",
            *(_percent(Change(gate, drift, factor, allowed=allowed), CAMPAIGNS) for factor in FACTORS),
        )
        for (name, gate, allowed), drift in itertools.product(gates, DRIFTS)
    ]
    power = [
        (
            f"{noise:.0%}",
            f"{allowed:.0%}",
            *(_percent(Change(WithinCampaign, 0, factor, noise, allowed), POWER_CAMPAIGNS) for factor in FACTORS),
            *(
                _percent(Change(WithinCampaign, 0, factor, noise, allowed, only_one=True), POWER_CAMPAIGNS)
                for factor in FACTORS[1:]
            ),
        )
        for noise, allowed in itertools.product((0.02, 0.03, 0.05, 0.1), (0, WITHIN_ALLOWED))
    ]
    few = [
        (f"{noise:.0%}", *(f"{found_among_few(noise, blocks, FACTORS[-1], SEED):.0%}" for blocks in FEW_BLOCKS))
        for noise in (0.05, 0.1, 0.2)
    ]
    headings = ("unchanged", *(f"all {factor - 1:.0%} slower" for factor in FACTORS[1:]))
    of_one = tuple(f"one {factor - 1:.0%} slower" for factor in FACTORS[1:])
    judged = f"{FAMILY} comparisons of {BLOCKS} blocks"
    return (
        SimulatedTable(
            "gates",
            f"Share that fails, by the drift between campaigns: noise of {NOISE:.0%}, {judged}, {CAMPAIGNS:,} times",
            ("judged in", "drift", "allowed", *headings),
            tuple(rates),
        ),
        SimulatedTable(
            "within-a-campaign",
            f"Share that fails within one campaign, by the noise of a run: {judged}, {POWER_CAMPAIGNS} times",
            ("noise", "allowed", *headings, *of_one),
            tuple(power),
        ),
        SimulatedTable(
            "two-campaigns",
            f"Two campaigns without drift find the one of {FEW} comparisons that is {FACTORS[-1] - 1:.0%} slower",
            ("noise", *(f"{blocks} blocks" for blocks in FEW_BLOCKS)),
            tuple(few),
        ),
    )


def _percent(change: Change, campaigns: int) -> str:
    return f"{failed(change, campaigns, SEED):.1%}"


@click.command
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder for simulation.json.")
def main(out: Path | None) -> None:
    """Print how often each kind of gate fails unchanged and slower code."""
    store_and_print(SimulationResult(FORMAT, SEED, tables()), out)


if __name__ == "__main__":
    main(prog_name="python -m bench.validation.gate_simulation")
