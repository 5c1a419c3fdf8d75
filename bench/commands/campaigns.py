"""What `measure` and `claims` share: they run campaigns of the manifest one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from bench.claims.manifest import Campaign, Manifest, read_manifest
from bench.claims.measurement import Measurement, estimate_s, interrupted, measure
from bench.claims.progress import CampaignProgress
from bench.claims.stored_results import StoredResults
from bench.commands.session import Session
from bench.errors import ManifestError


@contextmanager
def manifest_errors() -> Iterator[None]:
    """Turn what is wrong with the manifest, or with names, into wrong use."""
    try:
        yield
    except ManifestError as error:
        raise click.UsageError(str(error)) from error


def manifest_of(root: Path) -> Manifest:
    """Read the manifest of a checkout; a wrong one is wrong use."""
    with manifest_errors():
        return read_manifest(root)


def run_campaigns(
    campaigns: Sequence[Campaign],
    into: StoredResults,
    stored: StoredResults,
    session: Session,
    *,
    quick: bool = False,
    resume: bool = False,
) -> Iterator[Measurement]:
    """Run campaigns into `into` one after the other, and yield each when it has ended; one without its program is left.

    `stored` are earlier results, for the estimates of time. With `resume` those that were interrupted go on.
    """
    possible = [each for each in campaigns if not each.absent]
    for each in campaigns:
        if each.absent:
            session.print(f"{each.name} is left out: it needs {', '.join(each.absent)} on the PATH")
    estimate = partial(_estimate_s, stored=stored, quick=quick)
    with CampaignProgress(possible, estimate, session.console) as progress:
        for each in possible:
            if session.is_interrupted:
                return
            progress.begin(each)
            resumed = interrupted(each, stored) if resume else None
            if resumed:
                session.print(f"{each.name} goes on in {resumed.folder(each.name)}")
            yield measure(each, into, session.interruption, quick=quick, resumed=resumed, waiting=progress.show)


def _estimate_s(campaign: Campaign, *, stored: StoredResults, quick: bool) -> float:
    return estimate_s([campaign], stored, quick=quick)


def print_failure(ended: Measurement, session: Session) -> None:
    """Say how a campaign ended that is not valid, with its last lines."""
    session.print(f"{ended.campaign.name} ended with exit code {ended.exit_code}; what it left is in {ended.folder}:")
    for line in ended.last_lines:
        session.print(f"  {line}")
