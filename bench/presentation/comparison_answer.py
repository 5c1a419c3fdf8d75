"""The answer of a campaign: sentences, a row for each user count of each strategy, and remarks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from bench.analysis.max_users import within_slo
from bench.analysis.slo import is_within_slo
from bench.model.percentile import Percentile
from bench.model.plan import Plan
from bench.model.summary import Cell, Summary, or_infinite
from bench.presentation.attempts_wording import measured_again
from bench.presentation.comparison_wording import verdicts
from bench.presentation.max_users_wording import slo_finding
from bench.presentation.table import Answer, Column, Row, Table, Tone, numbers
from bench.presentation.text import listing, milliseconds
from bench.presentation.window_wording import too_few_messages

NOT_MEASURED = "not measured"


def comparison_answer(summary: Summary) -> Answer:
    """Return the verdicts and the finding, the measured user counts, and what is invalid or not measured and why."""
    sentences = (*verdicts(summary), slo_finding(summary))
    shortage = too_few_messages(summary.plan.workload, Percentile.P99.number)
    found = [*([f"{shortage}."] if shortage else []), *remarks(summary)]
    return Answer(tuple(f"{each}." for each in sentences), users_table(summary), tuple(found))


def users_table(summary: Summary, *, with_gaps: bool = False) -> Table:
    """Show a row for each user count of each strategy; with `with_gaps` also for those that were not measured.

    Several blocks are one row, of the valid ones: medians, the range of the p99 and all missing deliveries.
    """
    columns = _columns(summary.plan)
    rows: list[Row] = []
    for arm in summary.plan.arms:
        is_first = True
        for users in summary.plan.workload.users:
            cells = summary.blocks_of(arm.label, users)
            if cells or with_gaps:
                row = _measured(cells, summary) if cells else _gap(arm.label, users, len(columns))
                rows.append(Row(row.cells, row.tone, starts_section=is_first))
                is_first = False
    return Table("", columns, tuple(rows))


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
        *(
            f"{strategy}, {users} users, {'block' if len(shared) == 1 else 'blocks'} {listing(shared)}: {text}"
            for (strategy, users, text), shared in blocks.items()
        ),
    ]


def _columns(plan: Plan) -> tuple[Column, ...]:
    several = plan.blocks > 1
    return (
        Column("strategy"),
        *numbers("users", "p50 ms", "p99 ms", "range of p99" if several else "max ms", wraps=False),
        *numbers("delivered/s", "missing", wraps=False),
        *numbers("CPU us/delivery"),
        *(numbers("blocks", wraps=False) if several else ()),
        Column("within SLO", shows_tone=True),
    )


def _gap(strategy: str, users: int, columns: int) -> Row:
    unknown = [""] * (columns - 4)
    return Row((strategy, f"{users:,}", NOT_MEASURED, *unknown, NOT_MEASURED), Tone.DOUBTFUL)


def _measured(cells: Sequence[Cell], summary: Summary) -> Row:
    several = summary.plan.blocks > 1
    valid = [cell for cell in cells if cell.valid]
    shown = valid or cells
    latencies = [cell.latency_ms for cell in shown]
    p99 = [or_infinite(latency.p99) for latency in latencies]
    cpu = [cell.server.cpu_us_per_delivery for cell in shown if cell.server.cpu_us_per_delivery is not None]
    is_within, tone = _within_slo(cells, summary)
    return Row(
        (
            cells[0].strategy,
            f"{cells[0].users:,}",
            _median_ms(latency.p50 for latency in latencies),
            _median_ms(latency.p99 for latency in latencies),
            _range_ms(p99) if several else _median_ms(latency.max for latency in latencies),
            f"{statistics.median(cell.deliveries_per_s for cell in shown):,.0f}",
            f"{sum(cell.missing for cell in shown):,}",
            f"{statistics.median(cpu):.1f}" if cpu else "unknown",
            *[f"{len(valid)} of {summary.plan.blocks}"] * several,
            is_within,
        ),
        tone,
    )


def _median_ms(values: Iterable[float | None]) -> str:
    return _finite_or_never(statistics.median(map(or_infinite, values)))


def _range_ms(values: Sequence[float]) -> str:
    lowest, highest = (_finite_or_never(end(values)) for end in (min, max))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _finite_or_never(value: float) -> str:
    return milliseconds(value if value < math.inf else None)


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
    return (f"{word}, saturated" if any(cell.saturated for cell in valid) else word), tone
