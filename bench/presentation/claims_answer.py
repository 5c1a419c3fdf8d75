"""The answer of `claims` and of `measure --list`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.claims.judgement import Judgement
from bench.claims.manifest import Manifest
from bench.claims.measurement import is_measured_as_planned
from bench.claims.reading import Outcome, Reading
from bench.claims.stored_results import StoredResults
from bench.errors import ResultsError
from bench.presentation.table import Answer, Column, Row, Table, Tone, numbers

TONES = {Outcome.HOLDS: Tone.GOOD, Outcome.DRIFTED: Tone.DOUBTFUL, Outcome.FAILED: Tone.BAD}


def claims_answer(judgements: Sequence[Judgement]) -> Answer:
    """Return how many claims hold, a row for each, and why the others do not."""
    columns = (
        Column("claim", wraps=False),
        *numbers("stored", "interval", "measured again", "interval", "allowed"),
        Column("", shows_tone=True, wraps=False),
    )
    rows = tuple(
        Row(
            (
                one.claim.id,
                *_figure(one.stored),
                *_figure(one.again),
                f"{one.claim.tolerance:.0%}",
                one.outcome,
            ),
            TONES.get(one.outcome, Tone.DOUBTFUL),
        )
        for one in judgements
    )
    remarks = tuple(f"{one.claim.id}: {one.remark}" for one in judgements if one.remark)
    return Answer((_sentence(judgements),), Table("", columns, rows), remarks)


def campaigns_table(manifest: Manifest, stored: StoredResults) -> Table:
    """List the campaigns: whether each is stored, how long it takes, and its claims."""
    columns = (
        Column("campaign", wraps=False),
        *numbers("minutes"),
        Column("result"),
        Column("claims"),
        Column("what for"),
    )
    rows = tuple(
        Row(
            (
                each.name,
                f"{each.minutes:g}",
                _state(manifest, each.name, stored),
                ", ".join(claim.id for claim in manifest.claims if claim.campaign == each.name),
                each.purpose + (f" (needs {', '.join(each.needs)})" if each.needs else ""),
            )
        )
        for each in manifest.campaigns
    )
    return Table("", columns, rows)


def _state(manifest: Manifest, name: str, stored: StoredResults) -> str:
    try:
        stored.measured(name)
    except ResultsError:
        return "not stored"
    is_as_planned = is_measured_as_planned(manifest.campaign(name), stored)
    return "stored" if is_as_planned else "stored, with another command"


def _figure(reading: Reading | None) -> tuple[str, str]:
    if reading is None:
        return "-", ""
    side = f", {reading.side}" if reading.side else ""
    has_interval = reading.low is not None and reading.high is not None
    return f"{reading.text}{side}", f"{reading.low:,.4g} to {reading.high:,.4g}" if has_interval else ""


def _sentence(judgements: Sequence[Judgement]) -> str:
    counts = Counter(one.outcome for one in judgements)
    others = [f"{counts[each]} {each}" for each in Outcome if each is not Outcome.HOLDS and counts[each]]
    held = f"{counts[Outcome.HOLDS]} of {len(judgements)} claims hold"
    return f"{'; '.join([held, *others])}."
