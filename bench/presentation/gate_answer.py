"""The outcome of a gate as GitHub-flavoured Markdown."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

from bench.gate.check import Check, Outcome

SIGNS = {
    Outcome.PASSED: ":white_check_mark: passed",
    Outcome.FAILED: ":x: **failed**",
    Outcome.UNDECIDED: ":grey_question: **undecided**",
}


def overall(checks: Sequence[Check]) -> Outcome:
    """Return the outcome of all: one that fails is enough to fail, one that is undecided is too many to pass."""
    outcomes = {check.outcome for check in checks}
    return next((each for each in (Outcome.FAILED, Outcome.UNDECIDED) if each in outcomes), Outcome.PASSED)


def verdict(checks: Sequence[Check]) -> str:
    """Sum up in one sentence."""
    count = Counter(check.outcome for check in checks)
    counts = ", ".join(f"{count[outcome]} {outcome}" for outcome in Outcome if count[outcome])
    return f"Gate {overall(checks)}: {counts}."


def markdown(checks: Sequence[Check], remarks: Sequence[str]) -> str:
    """Write the verdict, the reasons for what does not pass, all checks as a table, and remarks."""
    lines = [f"### {verdict(checks)}", ""]
    against = [check for check in checks if check.outcome is not Outcome.PASSED]
    lines += [
        f"- **{check.strategy}, {check.users:,} users, {check.must_hold}**: {_plain(check.reason)}" for check in against
    ]
    lines += [*[""] * bool(against), "| | strategy | users | must hold | found |", "|---|---|---:|---|---|"]
    lines += [
        f"| {SIGNS[check.outcome]} | {check.strategy} | {check.users:,} | {check.must_hold} | {_plain(check.found)} |"
        for check in checks
    ]
    notes = [
        f"{check.strategy}, {check.users:,} users, {check.must_hold}: {_plain(check.reason)}"
        for check in checks
        if check.outcome is Outcome.PASSED and check.reason
    ]
    lines += ["", *(f"- {note}" for note in [*map(_plain, remarks), *notes])]
    return "\n".join(lines).strip() + "\n"


def _plain(text: str) -> str:
    """Keep text from ending a cell of a table, and from being read as HTML."""
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
