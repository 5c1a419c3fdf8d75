"""The manifest: `results/campaigns.toml`, what is measured and how, and `results/claims.toml`, what follows from it."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from bench.errors import ManifestError

RESULTS = "results"
CAMPAIGNS = "campaigns.toml"
CLAIMS = "claims.toml"

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Positive = Annotated[float, Meta(gt=0)]
Parameter = str | int | float


class Campaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command whose result is stored in `results/NAME`.

    `command` is what follows `python -m`, without `--out`; `quick` is a shorter one that measures the same figures less
    precisely. `minutes` are estimates. `needs` are programs of others that have to be on the PATH.
    """

    name: Name
    purpose: str
    command: str
    minutes: Positive
    quick: str | None = None
    quick_minutes: Positive | None = None
    needs: tuple[str, ...] = ()

    def words(self, *, quick: bool = False) -> list[str]:
        """Return the command's arguments after `python -m`."""
        return shlex.split(self.quick if quick and self.quick else self.command)

    def estimated_s(self, *, quick: bool = False) -> float:
        """Return about how long the command takes, in seconds."""
        return 60 * (self.quick_minutes if quick and self.quick_minutes else self.minutes)

    @property
    def absent(self) -> list[str]:
        """The programs that it needs and this machine does not have."""
        return [program for program in self.needs if shutil.which(program) is None]


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sentence of the documentation whose figure a campaign measures.

    `text` has `{figure}` where the figure belongs, which is always read from stored results. `reader` names the
    function that reads it, `parameters` are its arguments. `verdict` is what the claim says beyond the number
    (`slower`, `all`): a result with another one, be it the stored one, makes it fail. A figure that is measured again
    may differ by `tolerance`, a share of the stored one.
    """

    id: Name
    text: str
    stated_in: tuple[str, ...]
    campaign: Name
    reader: str
    parameters: dict[str, Parameter] = {}
    verdict: str = ""
    tolerance: Annotated[float, Meta(ge=0)] = 0.15


class Manifest(msgspec.Struct, frozen=True):
    """All campaigns and claims, in the order of their files."""

    campaigns: tuple[Campaign, ...]
    claims: tuple[Claim, ...]

    def campaign(self, name: str) -> Campaign:
        """Return a campaign by its name.

        Raises:
            ManifestError: there is none.

        """
        return self.named_campaigns([name])[0]

    def named_campaigns(self, names: Sequence[str]) -> list[Campaign]:
        """Return campaigns by their names.

        Raises:
            ManifestError: there is no campaign of a name.

        """
        return _chosen(names, {each.name: each for each in self.campaigns}, "campaign")

    def named_claims(self, ids: Sequence[str]) -> list[Claim]:
        """Return claims by their ids.

        Raises:
            ManifestError: there is no claim of an id.

        """
        return _chosen(ids, {each.id: each for each in self.claims}, "claim")


class _Campaigns(msgspec.Struct, forbid_unknown_fields=True):
    campaign: tuple[Campaign, ...]


class _Claims(msgspec.Struct, forbid_unknown_fields=True):
    claim: tuple[Claim, ...]


def read_manifest(root: Path) -> Manifest:
    """Read both files below `root`, a checkout of this project.

    Raises:
        ManifestError: one is missing or invalid, or a claim has no campaign.

    """
    campaigns = _read(root / RESULTS / CAMPAIGNS, _Campaigns).campaign
    claims = _read(root / RESULTS / CLAIMS, _Claims).claim
    names = [each.name for each in campaigns]
    for kind, all_names in (("campaign", names), ("claim", [each.id for each in claims])):
        if twice := [name for name, count in Counter(all_names).items() if count > 1]:
            raise ManifestError(f"there are two {kind}s {twice[0]!r} in {root / RESULTS}; rename one")
    for claim in claims:
        if claim.campaign not in names:
            raise ManifestError(f"claim {claim.id!r} rests on {claim.campaign!r}, which {CAMPAIGNS} does not have")
        if re.findall(r"{\w*}", claim.text).count("{figure}") != 1:
            raise ManifestError(f"claim {claim.id!r} says {claim.text!r}; write {{figure}} once where its figure goes")
    return Manifest(campaigns, claims)


Kind = TypeVar("Kind", bound=msgspec.Struct)
Entry = TypeVar("Entry", Campaign, Claim)


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), type=kind)
    except OSError as error:
        raise ManifestError(f"cannot read {path}: {error.strerror}; give a checkout of the project (--root)") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ManifestError(f"{path} is invalid: {error}") from error


def _chosen(names: Iterable[str], known: dict[str, Entry], kind: str) -> list[Entry]:
    if unknown := [name for name in names if name not in known]:
        raise ManifestError(f"unknown {kind} {unknown[0]!r}; choose {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]
