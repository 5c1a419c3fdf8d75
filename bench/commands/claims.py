"""The subcommand `claims`: measures the documentation's claims again, and says whether they hold."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from bench.claims.judgement import judge
from bench.claims.manifest import RESULTS, Claim, Manifest
from bench.claims.reading import Outcome
from bench.claims.stored_results import StoredResults
from bench.commands.campaigns import manifest_errors, manifest_of, print_failure, run_campaigns
from bench.commands.options import checkout
from bench.commands.session import answers, exit_with, running
from bench.presentation.claims_answer import campaigns_table, claims_answer
from bench.presentation.terminal import answer_in_terminal, table_in_terminal


@click.command
@click.argument("ids", nargs=-1, metavar="[CLAIM]...")
@click.option("--all", "everything", is_flag=True, help="Measure all claims again.")
@click.option("--list", "is_list", is_flag=True, help="List campaigns and claims, and measure nothing.")
@click.option("--quick", is_flag=True, help="Measure fewer user counts and blocks, where the manifest says how.")
@click.option(
    "--against",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Measure nothing: compare with the results in DIR, a folder for each campaign.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the new results.  [default: none kept]",
)
@checkout
def claims(
    ids: tuple[str, ...],
    everything: bool,
    is_list: bool,
    quick: bool,
    against: Path | None,
    out: Path | None,
    root: Path,
) -> None:
    """Measure claims of results/claims.toml again, and compare with the stored results.

    A claim `holds` if the new figure is within its tolerance, or if both intervals overlap; it has `drifted` if only
    its size differs; it `failed` if the verdict is another one, or if there is no valid figure. A campaign that several
    claims rest on is run once. Exit codes: 0 all hold, 2 wrong use, 3 one does not.
    """
    manifest = manifest_of(root)
    stored = StoredResults(root / RESULTS)
    if is_list:
        answers().print(table_in_terminal(campaigns_table(manifest, stored)))
        for claim in manifest.claims:
            click.echo(f"{claim.id}: {claim.text}")
        return
    if bool(ids) == everything:
        raise click.UsageError("give ids of claims, or --all; --list shows what there is")
    with manifest_errors():
        chosen = list(manifest.claims) if everything else manifest.named_claims(ids)
    with ExitStack() as stack:
        again = StoredResults(against or _folder(out, stack))
        if against is None:
            _measure(chosen, manifest, again, stored, quick=quick)
        with manifest_errors():
            judgements = [judge(claim, stored, again) for claim in chosen]
    answers().print(answer_in_terminal(claims_answer(judgements)))
    exit_with(is_valid=all(one.outcome is Outcome.HOLDS for one in judgements))


def _measure(
    claims: list[Claim], manifest: Manifest, again: StoredResults, stored: StoredResults, *, quick: bool
) -> None:
    """Run the campaigns of the claims, each once."""
    campaigns = manifest.named_campaigns([claim.campaign for claim in claims])
    with running() as session:
        for each in campaigns:
            session.print(f"{each.name}: python -m {each.quick if quick and each.quick else each.command}")
        for ended in run_campaigns(campaigns, again, stored, session, quick=quick):
            if not ended.valid:
                print_failure(ended, session)


def _folder(out: Path | None, stack: ExitStack) -> Path:
    """Return a folder for new results; without `out` it is removed with the stack."""
    if out is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if out.exists() and any(out.iterdir()):
        raise click.BadParameter(f"{out} is not empty; choose another one or remove it", param_hint="--out")
    return out.resolve()
