"""The subcommand `measure`: runs campaigns of the manifest and stores their results, for the figures in the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from bench.claims.manifest import RESULTS, Campaign, Manifest
from bench.claims.measurement import Measurement, is_measured_as_planned, replace_folder
from bench.claims.stored_results import StoredResults
from bench.commands.campaigns import manifest_errors, manifest_of, print_failure, run_campaigns
from bench.commands.exit_codes import INVALID
from bench.commands.options import checkout
from bench.commands.report import has_report, write_report
from bench.commands.session import Session, answers, exit_with, running
from bench.presentation.claims_answer import campaigns_table
from bench.presentation.terminal import table_in_terminal


@click.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Measure all campaigns.")
@click.option("--missing", is_flag=True, help="Measure those that are not stored, or with another command.")
@click.option("--list", "is_list", is_flag=True, help="List the campaigns, and measure nothing.")
@click.option("--replace", is_flag=True, help="Replace a result that is stored already.")
@click.option("--resume", is_flag=True, help="Go on with campaigns of `compare` that were interrupted before.")
@click.option("--accept-invalid", is_flag=True, help="Store a result although some of its figures are invalid.")
@checkout
def measure(
    names: tuple[str, ...],
    everything: bool,
    missing: bool,
    is_list: bool,
    replace: bool,
    resume: bool,
    accept_invalid: bool,
    root: Path,
) -> None:
    """Measure campaigns of results/campaigns.toml, and store each in results/NAME with its report.

    A result that is invalid is kept beside it and not stored. Then `figures` writes the pages. Exit codes: 0 done, 2
    wrong use, 3 a campaign failed, was left out, or is invalid.
    """
    manifest = manifest_of(root)
    stored = StoredResults(root / RESULTS)
    if is_list:
        answers().print(table_in_terminal(campaigns_table(manifest, stored)))
        return
    campaigns = _chosen(manifest, stored, names, everything=everything, missing=missing)
    if not (replace or missing) and (there := [each.name for each in campaigns if stored.folder(each.name).exists()]):
        raise click.UsageError(f"{', '.join(there)} stored already; --replace measures again and replaces")
    done = 0
    with running() as session:
        new = StoredResults(stored.directory / f"measure-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        for ended in run_campaigns(campaigns, new, stored, session, resume=resume):
            done += _store(ended, stored, session, accept_invalid=accept_invalid)
            _remove_if_empty(ended.folder.parent)
    exit_with(is_valid=done == len(campaigns))


def _chosen(
    manifest: Manifest, stored: StoredResults, names: tuple[str, ...], *, everything: bool, missing: bool
) -> list[Campaign]:
    if sum(map(bool, (names, everything, missing))) != 1:
        raise click.UsageError("give names of campaigns, --all or --missing; --list shows what there is")
    if names:
        with manifest_errors():
            return manifest.named_campaigns(names)
    return [each for each in manifest.campaigns if everything or not is_measured_as_planned(each, stored)]


def _store(ended: Measurement, stored: StoredResults, session: Session, *, accept_invalid: bool) -> bool:
    """Put a result in its place, and say so; return whether it is there."""
    name = ended.campaign.name
    is_invalid = ended.exit_code == INVALID and not session.is_interrupted
    if not (ended.valid or (is_invalid and accept_invalid and ended.folder.exists())):
        print_failure(ended, session)
        if is_invalid:
            session.print("if these are the figures to show, --accept-invalid stores them")
        return False
    replace_folder(ended.folder, stored.folder(name))
    ended.folder.with_name(f"{name}.log").unlink(missing_ok=True)
    if has_report(stored.folder(name)):
        write_report(stored.folder(name))
    session.print(f"{name}: stored in {stored.folder(name)} after {ended.seconds:.0f} s")
    return True


def _remove_if_empty(directory: Path) -> None:
    if directory.exists() and not any(directory.iterdir()):
        directory.rmdir()
