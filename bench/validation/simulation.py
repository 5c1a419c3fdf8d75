"""Simulated campaigns with known differences: how often a verdict is wrong, and how often a difference is found.

`python -m bench.validation.simulation` prints both, and the coverage of intervals, from a fixed seed in a few minutes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

from bench.analysis.paired_tests import Floats, estimate
from bench.analysis.verdict import RELEVANT, LogRatios, Verdict, judge_family
from bench.validation.simulated_tables import FORMAT, SimulatedTable, SimulationResult, store_and_print

SEED = 1
CAMPAIGNS = 2000
POWER_CAMPAIGNS = 400
ARMS, USER_COUNTS, BLOCKS = 3, 5, 10
BLOCK_SPREAD = 0.3  # of the logarithm: machine drift, which all runs of a block share
POWER_BLOCKS = (10, 15, 20)
POWER_FACTORS = (1.1, 1.2)
RESAMPLES = 1000
T_QUANTILE = 2.262  # 97.5 % of Student's t with BLOCKS - 1 degrees of freedom

Noise = Callable[[np.random.Generator, tuple[int, ...]], Floats]


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw well-behaved noise of spread 1."""
    return random.normal(size=shape)


def heavy(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw from Student's t with three degrees of freedom, scaled to a spread of 1: outliers both ways."""
    return random.standard_t(3, shape) / math.sqrt(3)


def hiccups(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw noise of spread 1 in which one cell in twenty is an outlier that is far too slow."""
    return normal(random, shape) + (random.random(shape) < 0.05) * random.exponential(8, shape)


def losses(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw noise of spread 1 in which one cell in five misses so many deliveries that its p99 is infinite."""
    return np.where(random.random(shape) < 0.2, math.inf, normal(random, shape))


NOISES: tuple[Noise, ...] = (normal, heavy, hiccups)


@dataclass(frozen=True)
class World:
    """Campaigns of equal arms, except that the last `slow_arms` are `factor` times as slow.

    `spread` is that of a run's log p99. Half of a run's variance belongs to its server and is shared by its user
    counts; the other half is each cell's own.
    """

    noise: Noise
    spread: float
    blocks: int = BLOCKS
    arms: int = ARMS
    user_counts: int = USER_COUNTS
    factor: float = 1.0
    slow_arms: int = 1

    def campaigns(self, random: np.random.Generator, number: int) -> Iterator[list[Floats]]:
        """Yield campaigns, each as the log-ratios of its comparisons; those of the last arm come last."""
        for _ in range(number):
            shape = (self.arms, self.user_counts, self.blocks)
            block = random.normal(0, BLOCK_SPREAD, (1, 1, self.blocks))
            server = random.normal(0, self.spread / math.sqrt(2), (self.arms, 1, self.blocks))
            log_p99 = block + server + self.spread / math.sqrt(2) * self.noise(random, shape)
            log_p99[-self.slow_arms :] += math.log(self.factor)
            with np.errstate(invalid="ignore"):  # infinite on both sides
                yield list((log_p99[1:] - log_p99[0]).reshape(-1, self.blocks))


def judge(log_ratios: list[Floats]) -> list[Verdict]:
    """Judge the comparisons of one campaign as the bench does."""
    return [judgement.finding for judgement in judge_family([LogRatios(values, values) for values in log_ratios])]


def false_claims(world: World, campaigns: int, seed: int) -> float:
    """Return the share of campaigns of equal arms in which any difference is claimed."""
    random = np.random.default_rng(seed)
    wrong = sum(
        any(verdict != Verdict.NO_DIFFERENCE for verdict in judge(campaign))
        for campaign in world.campaigns(random, campaigns)
    )
    return wrong / campaigns


def false_verdicts_at_the_margin(world: World, campaigns: int, seed: int) -> float:
    """Return the share of campaigns with a verdict, faster or slower, where every arm is exactly 5 % slower.

    That is the worst case: such a verdict says beyond 5 %, and no ratio within 5 % is easier to mistake for it.
    """
    random = np.random.default_rng(seed)
    at_margin = replace(world, factor=RELEVANT, slow_arms=world.arms - 1)
    wrong = sum(
        any(verdict in (Verdict.FASTER, Verdict.SLOWER) for verdict in judge(campaign))
        for campaign in at_margin.campaigns(random, campaigns)
    )
    return wrong / campaigns


def found(world: World, campaigns: int, seed: int) -> float:
    """Return the share of the last arm's comparisons with the verdict slower."""
    random = np.random.default_rng(seed)
    shares = [
        np.mean([verdict == Verdict.SLOWER for verdict in judge(campaign)[-world.user_counts :]])
        for campaign in world.campaigns(random, campaigns)
    ]
    return float(np.mean(shares))


def covered(noise: Noise, samples: int, seed: int) -> list[float]:
    """Return how often 95 % intervals from ten log-ratios cover the truth: by signed ranks, Student's t, bootstrap."""
    random = np.random.default_rng(seed)
    log_ratios = noise(random, (samples, BLOCKS)) - noise(random, (samples, BLOCKS))  # so the truth is 0
    ranked = [(interval.low, interval.high) for interval in map(estimate, log_ratios)]
    mean, error = log_ratios.mean(axis=1), log_ratios.std(axis=1, ddof=1) / math.sqrt(BLOCKS)
    student = np.column_stack([mean - T_QUANTILE * error, mean + T_QUANTILE * error])
    drawn = random.integers(0, BLOCKS, (RESAMPLES, BLOCKS))
    bootstrap = [np.quantile(values[drawn].mean(axis=1), [0.025, 0.975]) for values in log_ratios]
    return [float(np.mean([low <= 0 <= high for low, high in method])) for method in (ranked, student, bootstrap)]


def tables() -> tuple[SimulatedTable, ...]:
    """Simulate everything: false claims, false verdicts, how often a difference is found, coverage of intervals."""
    family = (ARMS - 1) * USER_COUNTS
    wrong = [
        (noise.__name__, f"{spread:.0%}", *(f"{false_claims(one, CAMPAIGNS, SEED):.1%}" for one in worlds))
        for noise, spread in itertools.product((*NOISES, losses), (0.05, 0.2))
        for worlds in [(World(noise, spread, arms=2, user_counts=1), World(noise, spread))]
    ]
    at_margin = [
        (noise.__name__, f"{spread:.0%}", *(f"{share:.1%}" for share in shares))
        for noise, spread in itertools.product((*NOISES, losses), (0.02, 0.2))
        for worlds in [(World(noise, spread, arms=2, user_counts=1), World(noise, spread))]
        for shares in [[false_verdicts_at_the_margin(one, CAMPAIGNS, SEED) for one in worlds]]
    ]
    power = [
        (noise.__name__, f"{spread:.0%}", *(f"{found(one, POWER_CAMPAIGNS, SEED):.0%}" for one in slower))
        for noise, spread in itertools.product(NOISES, (0.02, 0.03, 0.05, 0.1))
        for slower in [
            [World(noise, spread, blocks, factor=factor) for factor in POWER_FACTORS for blocks in POWER_BLOCKS]
        ]
    ]
    coverage = [(noise.__name__, *(f"{share:.1%}" for share in covered(noise, CAMPAIGNS, SEED))) for noise in NOISES]
    return (
        SimulatedTable(
            "false-claims",
            f"False claims between equal arms, in {CAMPAIGNS:,} campaigns of {BLOCKS} blocks",
            ("noise", "spread", "1 comparison", f"{family} comparisons"),
            tuple(wrong),
        ),
        SimulatedTable(
            "false-verdicts",
            f"False verdicts on arms exactly 5 % slower, in {CAMPAIGNS:,} campaigns of {BLOCKS} blocks",
            ("noise", "spread", "1 comparison", f"{family} comparisons"),
            tuple(at_margin),
        ),
        SimulatedTable(
            "power",
            f"A slower arm gets the verdict slower, {family} comparisons, {POWER_CAMPAIGNS} campaigns",
            (
                "noise",
                "spread",
                *(f"{factor - 1:.0%}, {blocks} blocks" for factor in POWER_FACTORS for blocks in POWER_BLOCKS),
            ),
            tuple(power),
        ),
        SimulatedTable(
            "coverage",
            f"95 % intervals from {BLOCKS} log-ratios that cover the truth, of {CAMPAIGNS:,}",
            ("noise", "signed ranks", "Student's t", "bootstrap"),
            tuple(coverage),
        ),
    )


@click.command
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder for simulation.json.")
def main(out: Path | None) -> None:
    """Print what the simulations find."""
    store_and_print(SimulationResult(FORMAT, SEED, tables()), out)


if __name__ == "__main__":
    main(prog_name="python -m bench.validation.simulation")
