"""Runs campaigns of the manifest, each as a process of its own, and puts their results where they belong."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.claims.manifest import Campaign
from bench.claims.stored_results import FORMAT, Measured, StoredResults
from bench.execution.child_process import Child
from bench.execution.interruption import Interruption

GRACE_S = 60.0
"""A campaign that is interrupted ends its servers and swarms first, and stores what is finished."""
POLL_S = 0.2
DONE, INVALID = 0, 3


@dataclass(frozen=True, slots=True)
class Measurement:
    """How a campaign ended: its exit code, the seconds it took, and the last lines that it printed.

    Exit code 3 means that a figure is invalid, or that not all was measured.
    """

    campaign: Campaign
    exit_code: int
    seconds: float
    last_lines: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether it got to its end and every figure is valid."""
        return self.exit_code == DONE


def measure(
    campaign: Campaign,
    into: StoredResults,
    interruption: Interruption,
    *,
    quick: bool = False,
    waiting: Callable[[], None] = lambda: None,
) -> Measurement:
    """Run a campaign into its folder of `into`, which must not exist; calls `waiting` often meanwhile.

    What it prints is in `NAME.log` beside the folder.
    """
    folder = into.folder(campaign.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    words = campaign.words(quick=quick)
    command = [sys.executable, "-m", *words, "--out", str(folder)]
    began_s = time.monotonic()
    with Child(command, folder.with_name(f"{campaign.name}.log"), grace_s=GRACE_S) as child:
        while (code := child.exit_code()) is None and not interruption.signal_name:
            waiting()
            interruption.sleep(POLL_S)
        if code is None:
            child.stop()
            code = INVALID
        ended = Measurement(campaign, code, time.monotonic() - began_s, tuple(child.last_lines()))
    if folder.exists():
        into.write_measured(campaign.name, Measured(FORMAT, shlex.join(words), round(ended.seconds, 1)))
    return ended


def estimate_s(campaigns: Sequence[Campaign], stored: StoredResults, *, quick: bool = False) -> float:
    """Estimate the seconds that campaigns take: what the stored ones took, where the command is the same."""
    return sum(_estimate_s(each, stored, quick=quick) for each in campaigns)


def _estimate_s(campaign: Campaign, stored: StoredResults, *, quick: bool) -> float:
    took_s = None
    if is_measured_as_planned(campaign, stored) and not (quick and campaign.quick):
        took_s = stored.measured(campaign.name).seconds
    return took_s or campaign.estimated_s(quick=quick)


def is_measured_as_planned(campaign: Campaign, stored: StoredResults) -> bool:
    """Whether the stored result was measured with the manifest's command."""
    try:
        return shlex.split(stored.measured(campaign.name).command) == campaign.words()
    except ValueError:
        return False


def replace_folder(new: Path, old: Path) -> None:
    """Put a new folder of results in the place of an old one, if there is one."""
    aside = old.with_name(f"{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)
