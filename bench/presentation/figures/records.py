"""What stands beside figures: the command that measured them, the machine, a chart, and claims."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bench.claims.manifest import RESULTS, Manifest
from bench.claims.readers import read
from bench.claims.stored_results import StoredResults
from bench.errors import NotStoredError
from bench.presentation.figures.writing import prose, shell

ALTERNATIVE_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "capacity": "Maximum load within the SLO, by strategy",
        "latency_by_variant": "p99 of each server by users",
        "stalled_members": "Healthy members' p99 and delivered share by stalled members",
    }
)


def command(results: StoredResults, *campaigns: str) -> str:
    """Show the commands that results were measured with."""
    return shell(*(f"python -m {results.measured(campaign).command}" for campaign in campaigns))


def chart(results: StoredResults, campaign: str, name: str) -> str:
    """Show a chart from the folder of a campaign, in a page of `docs/`.

    Raises:
        NotStoredError: it is not there.

    """
    folder = results.folder(campaign)
    if not (folder / "charts" / f"{name}.png").exists():
        raise NotStoredError(f"{folder} has no charts/{name}.png; `python -m bench report {folder}` draws it", campaign)
    return f"![{ALTERNATIVE_TEXTS.get(name, name)}](../{RESULTS}/{campaign}/charts/{name}.png)"


def claims(manifest: Manifest, results: StoredResults, *ids: str) -> str:
    """Write claims as sentences, with the figures of the stored results."""
    return prose(*(each.text.replace("{figure}", read(each, results).text) for each in manifest.named_claims(ids)))
