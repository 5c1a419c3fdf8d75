"""Judges claims: the figure of a new result against that of the stored one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.claims.manifest import Claim
from bench.claims.readers import read
from bench.claims.reading import Outcome, Reading, outcome
from bench.claims.stored_results import StoredResults
from bench.errors import NotStoredError, ResultsError


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a claim; a reading is `None` where there is no figure, and `remark` says why."""

    claim: Claim
    outcome: Outcome
    stored: Reading | None = None
    again: Reading | None = None
    remark: str = ""


def judge(claim: Claim, stored: StoredResults, again: StoredResults) -> Judgement:
    """Judge a claim: it fails where there is no valid figure any more, or another verdict than the claim's.

    Raises:
        ManifestError: the claim names no reader, or one with other parameters.

    """
    try:
        then = read(claim, stored)
    except NotStoredError as error:
        return Judgement(claim, Outcome.NOT_STORED, remark=str(error))
    except ResultsError as error:
        return Judgement(claim, Outcome.FAILED, remark=f"the stored result: {error}")
    if claim.verdict not in ("", then.side):
        remark = f"it says {claim.verdict}, and the stored result says {then.side}"
        return Judgement(claim, Outcome.FAILED, then, remark=remark)
    try:
        now = read(claim, again)
    except NotStoredError:
        return Judgement(claim, Outcome.NOT_MEASURED, then, remark="its campaign left no result")
    except ResultsError as error:
        return Judgement(claim, Outcome.FAILED, then, remark=str(error))
    if not claim.verdict and not now.is_decided:  # the number is all that is claimed
        then, now = (replace(reading, side="", is_decided=True) for reading in (then, now))
    remark = f"was {then.side}, is {now.side}" if then.side != now.side and now.is_decided else ""
    return Judgement(claim, outcome(then, now, claim.tolerance), then, now, remark)
