"""The answer of a campaign: sentences, a row for each user count of each strategy, and remarks."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from bench.analysis.max_users import within_slo
from bench.analysis.slo import is_within_slo
from bench.analysis.support import all_carry
from bench.model.percentile import Percentile
from bench.model.plan import Plan
from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.attempts_wording import measured_again
from bench.presentation.comparison_wording import finite_or_never, p99_in_words, verdicts
from bench.presentation.max_users_wording import slo_finding
from bench.presentation.table import Answer, Column, Row, Table, Tone, numbers
from bench.presentation.text import in_rooms, listing
from bench.presentation.window_wording import too_few_messages
from loadtest.ledger.result import wide_bracket_ms
from loadtest.ledger.validity_limits import MAX_BRACKET_RATIO

NOT_MEASURED = "not measured"
UNSUPPORTED = "-"
FAULTS = {
    "duplicates": "deliveries came again",
    "reordered": "came out of order",
    "misrouted": "reached members of other rooms",
}

Read = Callable[[Cell], float | None]


def comparison_answer(summary: Summary) -> Answer:
    """Return the verdicts and the finding, the measured user counts, and what is invalid or not measured and why."""
    sentences = (*verdicts(summary), slo_finding(summary))
    return Answer(
        tuple(f"{each}." for each in sentences), users_table(summary), (*footnotes(summary), *remarks(summary))
    )


def users_table(summary: Summary, *, in_full: bool = False) -> Table:
    """Show a row for each user count of each strategy; `in_full` also for those that were not measured.

    Several blocks are one row, of the valid ones: medians, `in_full` the range of the p99, and all missing deliveries.
    A percentile that the messages of a window do not carry is `-`.
    """
    with_range = in_full and summary.plan.blocks > 1
    columns = _columns(summary.plan, with_range=with_range)
    rows: list[Row] = []
    for arm in summary.plan.arms:
        is_first = True
        for users in summary.plan.workload.users:
            cells = summary.blocks_of(arm.label, users)
            if cells or in_full:
                row = (
                    _measured(cells, summary, with_range=with_range) if cells else _gap(arm.label, users, len(columns))
                )
                rows.append(Row(row.cells, row.tone, starts_section=is_first))
                is_first = False
    return Table("", columns, tuple(rows))


def footnotes(summary: Summary) -> list[str]:
    """Say how many messages the windows have, and explain headings, and a `-` and a bracket where there are any."""
    if not summary.cells:
        return []
    workload = summary.plan.workload
    messages = sorted({cell.offered_messages for cell in summary.cells})
    amount = f"{messages[0]:,}" if len(set(messages)) == 1 else f"{messages[0]:,} to {messages[-1]:,}"
    found = [
        f"A window has {amount} messages. `from due` is from when a message was due instead of sent; `to all` is until "
        "every member has a message, over messages."
    ]
    if max(summary.plan.rooms) > 1:
        found.append(f"Users are {in_rooms(summary.plan.rooms)}, and a message is for the members of its own.")
    if shortage := too_few_messages(workload, Percentile.P99.number):
        found.append(
            f"{shortage}. A percentile that a window does not carry is `{UNSUPPORTED}`; verdicts use it anyway."
        )
    if any(wide_bracket_ms(cell) for cell in summary.cells):
        found.append(
            f"A p99 of two values is a bracket, shown where it is wider than {MAX_BRACKET_RATIO:.0%}: the deliveries' "
            "receive times are known as upper and lower bounds only.".replace("%", " %")
        )
    return found


def remarks(summary: Summary) -> list[str]:
    """Say what was measured again, and name every fault and gap, once for all blocks that share it."""
    found = [
        (cell.strategy, cell.users, f"{kind}: {text}", cell.block)
        for cell in summary.cells
        for kind, texts in (("invalid", cell.reasons), ("warning", cell.warnings))
        for text in texts
    ]
    found += [(gap.strategy, gap.users, f"{NOT_MEASURED}: {gap.reason}", gap.block) for gap in summary.not_measured]
    blocks: dict[tuple[str, int, str], list[str]] = {}
    for strategy, users, text, block in found:
        blocks.setdefault((strategy, users, text), []).append(str(block))
    again = measured_again(summary)
    return [
        *([again] if again else []),
        *_faults(summary),
        *(
            f"{strategy}, {users} users, {'block' if len(shared) == 1 else 'blocks'} {listing(shared)}: {text}"
            for (strategy, users, text), shared in blocks.items()
        ),
    ]


def _faults(summary: Summary) -> list[str]:
    """Name each strategy and user count whose deliveries came more than once, out of order or in a wrong room."""
    found = []
    for arm in summary.plan.arms:
        for users in summary.plan.workload.users:
            cells = summary.blocks_of(arm.label, users)
            counts = {what: sum(getattr(cell, fault) for cell in cells) for fault, what in FAULTS.items()}
            texts = [f"{count:,} {what}" for what, count in counts.items() if count]
            if texts:
                found.append(f"{arm.label}, {users} users: fault: {' and '.join(texts)}")
    return found


def _columns(plan: Plan, *, with_range: bool) -> tuple[Column, ...]:
    several = plan.blocks > 1
    return (
        Column("strategy", wraps=False),
        *numbers("users", "p50 ms", "p99 ms", wraps=False),
        *(numbers("range of p99\n(upper bound)", wraps=False) if with_range else ()),
        *numbers("p99 ms\nfrom due", "p99 ms\nto all", "delivered\n/s", "missing", "CPU us/\ndelivery", wraps=False),
        *(numbers("blocks", wraps=False) if several else ()),
        Column("within SLO", shows_tone=True),
    )


def _gap(strategy: str, users: int, columns: int) -> Row:
    unknown = [""] * (columns - 4)
    return Row((strategy, f"{users:,}", NOT_MEASURED, *unknown, NOT_MEASURED), Tone.DOUBTFUL)


def _measured(cells: Sequence[Cell], summary: Summary, *, with_range: bool) -> Row:
    several = summary.plan.blocks > 1
    valid = [cell for cell in cells if cell.valid]
    shown = valid or cells
    cpu = [cell.server.cpu_us_per_delivery for cell in shown if cell.server.cpu_us_per_delivery is not None]
    is_within, tone = _within_slo(cells, summary)

    def median_ms(percentile: float, read: Read) -> str:
        return _if_carried(shown, summary, percentile, _median_ms(map(read, shown)))

    return Row(
        (
            cells[0].strategy,
            f"{cells[0].users:,}",
            median_ms(50, lambda cell: cell.latency_ms.p50),
            _if_carried(shown, summary, 99, p99_in_words(shown)),
            *[_if_carried(shown, summary, 99, _range_ms(shown))] * with_range,
            median_ms(99, lambda cell: cell.response_ms.p99),
            median_ms(99, lambda cell: cell.last_receiver_ms.p99),
            f"{statistics.median(cell.deliveries_per_s for cell in shown):,.0f}",
            f"{sum(cell.missing for cell in shown):,}",
            f"{statistics.median(cpu):.1f}" if cpu else "unknown",
            *[f"{len(valid)} of {summary.plan.blocks}"] * several,
            is_within,
        ),
        tone,
    )


def _if_carried(cells: Sequence[Cell], summary: Summary, percentile: float, text: str) -> str:
    return text if all_carry(cells, summary.plan.workload, percentile) else UNSUPPORTED


def _median_ms(values: Iterable[float | None]) -> str:
    return finite_or_never(statistics.median(map(or_infinite, values)))


def _range_ms(cells: Sequence[Cell]) -> str:
    values = [or_infinite(cell.latency_ms.p99) for cell in cells]
    lowest, highest = (finite_or_never(end(values)) for end in (min, max))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _within_slo(cells: Sequence[Cell], summary: Summary) -> tuple[str, Tone]:
    """Say whether the valid blocks are within the SLO, and are enough to say so."""
    valid = [cell for cell in cells if cell.valid]
    if not valid:
        return "invalid", Tone.DOUBTFUL
    found = [is_within_slo(cell, Percentile.P99, summary.plan.slo_ms) for cell in valid]
    within = found.count(True)
    word, tone = f"{within} of {len(valid)}", Tone.PLAIN
    if None in found and False not in found:
        word, tone = "unknown", Tone.DOUBTFUL
    elif not within:
        word, tone = "no", Tone.BAD
    elif within == len(valid):
        is_known = within_slo(summary, cells[0].strategy, cells[0].users)
        word, tone = ("yes", Tone.GOOD) if is_known else ("unknown", Tone.DOUBTFUL)
    saturated = sum(cell.saturated for cell in valid)
    in_blocks = f" in {saturated} of {len(valid)} blocks" if saturated < len(valid) else ""
    return (f"{word}, saturated{in_blocks}" if saturated else word), tone
