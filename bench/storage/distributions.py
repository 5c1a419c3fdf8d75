"""The distributions in a campaign's folder: full percentile spectra and per-second timelines."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import ResultsError
from bench.model.plan import attempt_name
from bench.model.summary import Cell
from bench.storage.campaign_folder import US_PER_MS
from loadtest.ledger.result import HIGHEST_US, Second

NEVER_MS = HIGHEST_US / US_PER_MS  # what percentile files hold for a missing delivery, or a little more


@dataclass(frozen=True)
class Spectrum:
    """The delivery latency of one cell, milliseconds, by ascending percentile p as `inverse` = 1 / (1 - p).

    The last value is the maximum, at the count of all expected deliveries; missing deliveries are infinite.
    """

    strategy: str
    users: int
    block: int
    inverse: NDArray[np.float64]
    latency_ms: NDArray[np.float64]


class TimelineSecond(Second, frozen=True, kw_only=True):
    """A second of one cell's window."""

    strategy: str
    users: int
    block: int
    second: int


@dataclass(frozen=True)
class Distributions:
    """The spectra and seconds of a campaign; empty where its folder has none."""

    spectra: tuple[Spectrum, ...] = ()
    timeline: tuple[TimelineSecond, ...] = ()


def read_distributions(directory: Path, cells: Sequence[Cell]) -> Distributions:
    """Read `timeline.csv` of a campaign's folder, and from `hgrm/` the attempts that are its cells.

    What is not there is left out.

    Raises:
        ResultsError: a file is damaged.

    """
    return Distributions(tuple(_spectra(directory / "hgrm", cells)), tuple(_timeline(directory / "timeline.csv")))


def _spectra(directory: Path, cells: Sequence[Cell]) -> Iterator[Spectrum]:
    for cell in cells:
        path = directory / f"{attempt_name(cell.block, cell.strategy, cell.attempt)}-{cell.users}.hgrm"
        if path.exists():
            yield Spectrum(cell.strategy, cell.users, cell.block, *_read_percentiles(path))


def _read_percentiles(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read HdrHistogram's percentile format: value, percentile, count so far, 1 / (1 - percentile)."""
    try:
        rows = [[float(word) for word in line.split()[:3]] for line in path.read_text().splitlines() if _is_row(line)]
        value, percentile, count = np.array(rows).T
    except ValueError as error:
        raise ResultsError(
            f"{path} is not a percentile file: {error}; restore it, or remove it to leave it out"
        ) from error
    expected = count[-1]
    share_above = 1 - percentile
    share_above[-1] = 1 / expected  # the maximum is one of all
    within = share_above >= 1 / expected
    return 1 / share_above[within], np.where(value < NEVER_MS, value, math.inf)[within]


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#") and "Percentile" not in line


def _timeline(path: Path) -> Iterator[TimelineSecond]:
    if not path.exists():
        return
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            try:
                yield msgspec.convert({name: text or None for name, text in row.items()}, TimelineSecond, strict=False)
            except msgspec.ValidationError as error:
                raise ResultsError(f"{path} is damaged: {error}; restore it, or remove it to leave it out") from error
