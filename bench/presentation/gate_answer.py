"""The outcome of a gate as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.gate.check import Check, Outcome, overall
from bench.presentation.markdown import escaped, table_in_markdown
from bench.presentation.table import Column, Row, Table, Tone, numbers

SIGNS = {
    Outcome.PASSED: ":white_check_mark: passed",
    Outcome.FAILED: ":x: **failed**",
    Outcome.UNDECIDED: ":grey_question: **undecided**",
}
WITHIN_NOTE = (
    "Ratios are of the same block, so machine drift cancels out; the interval is one of 90 %. What is worse than "
    "allowed with a p of at most 0.05 (tested against the allowance, adjusted by Holm for all comparisons) fails. What "
    "passes may have changed within its interval."
)
FALSE_ALARMS = {5: 0.199, 10: 0.34}
"""How often a comparison with another campaign fails unchanged code, by the drift between both in per cent.

Of `results/gate-simulation`, which an installed tool does not have.
"""
BETWEEN_NOTES = (
    "Warning: the two campaigns were run at different times. If machine drift between campaigns is 5 %, this check "
    f"fails {100 * FALSE_ALARMS[5]:.0f} % of unchanged code, at 10 % {100 * FALSE_ALARMS[10]:.0f} % (simulated, see "
    "docs/ci.md). Better run both sides in one campaign (`compare --revision`), and give --variant and --against.",
    "Ratios compare this campaign with the baseline, with a 90 % interval. A ratio beyond the allowance with a p of at "
    "most 0.05 (adjusted by Holm for all comparisons with the baseline) fails. What passes may have changed within its "
    "interval.",
)
TONES = {Outcome.PASSED: Tone.GOOD, Outcome.FAILED: Tone.BAD, Outcome.UNDECIDED: Tone.DOUBTFUL}


def gate_verdict(checks: Sequence[Check]) -> str:
    """Sum up in one sentence."""
    count = Counter(check.outcome for check in checks)
    counts = ", ".join(f"{count[outcome]} {outcome}" for outcome in Outcome if count[outcome])
    return f"Gate {overall(checks)}: {counts}."


def gate_in_markdown(checks: Sequence[Check], remarks: Sequence[str]) -> str:
    """Write the verdict, the reasons for what does not pass, all checks as a table, and remarks."""
    failing = [
        f"- **{check.strategy}, {check.users:,} users, {check.must_hold}**: {escaped(check.reason)}"
        for check in checks
        if check.outcome is not Outcome.PASSED
    ]
    notes = [
        f"{check.strategy}, {check.users:,} users, {check.must_hold}: {escaped(check.reason)}"
        for check in checks
        if check.outcome is Outcome.PASSED and check.reason
    ]
    parts = [
        f"### {gate_verdict(checks)}",
        "\n".join(failing),
        table_in_markdown(_table(checks)),
        "\n".join(f"- {note}" for note in [*map(escaped, remarks), *notes]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(checks: Sequence[Check]) -> Table:
    columns = (Column(shows_tone=True), Column("strategy"), *numbers("users"), Column("must hold"), Column("found"))
    rows = tuple(
        Row(
            (SIGNS[check.outcome], check.strategy, f"{check.users:,}", check.must_hold, check.found),
            TONES[check.outcome],
        )
        for check in checks
    )
    return Table("", columns, rows)
