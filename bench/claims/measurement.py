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
RESUMABLE = ["bench", "compare"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """How a campaign ended: its folder, exit code, the seconds it took, and the last lines that it printed.

    Exit code 3 means that a figure is invalid, or that not all was measured.
    """

    campaign: Campaign
    folder: Path
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
    resumed: StoredResults | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Measurement:
    """Run a campaign into its folder of `into`, which must not exist; calls `waiting` often meanwhile.

    One that is `resumed` goes on where its trials were interrupted, in its folder there. What it prints is in
    `NAME.log` beside the folder.
    """
    words = campaign.words(quick=quick)
    earlier_s = 0.0
    if resumed:
        into, earlier_s = resumed, resumed.measured(campaign.name).seconds or 0.0
        more = [*words[:2], "--resume"]
    else:
        more = [*words, "--out"]
    folder = into.folder(campaign.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", *more, str(folder)]
    began_s = time.monotonic() - earlier_s
    is_recorded = resumed is not None
    with Child(command, folder.with_name(f"{campaign.name}.log"), grace_s=GRACE_S) as child:
        while (code := child.exit_code()) is None and not interruption.signal_name:
            if not is_recorded and folder.exists() and any(folder.iterdir()):
                # Now, so that a campaign that is killed can go on.
                into.write_measured(campaign.name, Measured(FORMAT, shlex.join(words)))
                is_recorded = True
            waiting()
            interruption.sleep(POLL_S)
        if code is None:
            child.stop()
            code = INVALID
        ended = Measurement(campaign, folder, code, time.monotonic() - began_s, tuple(child.last_lines()))
    if folder.exists():
        into.write_measured(campaign.name, Measured(FORMAT, shlex.join(words), round(ended.seconds, 1)))
    return ended


def interrupted(campaign: Campaign, stored: StoredResults) -> StoredResults | None:
    """Return the newest results with a campaign of `compare` by the same command that `measure` did not store."""
    if campaign.words()[:2] != RESUMABLE:
        return None
    for folder in sorted(stored.directory.glob(f"measure-*/{campaign.name}"), reverse=True):
        results = StoredResults(folder.parent)
        if is_measured_as_planned(campaign, results):
            return results
    return None


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
