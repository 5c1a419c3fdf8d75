"""The report of a campaign: what `compare` wrote, read again."""

from __future__ import annotations

import math
from pathlib import Path

from bench.analysis.comparison import Comparison, Verdict, compare_arms
from bench.analysis.cost_growth import Growth, growths
from bench.analysis.slo import finding, listing
from bench.model.summary import Summary
from bench.presentation import comparison_answer as table
from bench.presentation.charts import Gallery, draw_all
from bench.presentation.charts.captions import CAPTIONS
from bench.presentation.comparison_wording import rounded, span, verdicts
from bench.presentation.report.environment import environment_section, machine_remarks
from bench.presentation.report.page import Chart, Page, Remark, Row, Section, Table, Tone
from bench.presentation.report.reproduce import compare_command, reproduce_section
from bench.storage.campaign_folder import Store
from bench.storage.distributions import read_details

VERDICT_TONES = {
    Verdict.FASTER: Tone.GOOD,
    Verdict.SLOWER: Tone.BAD,
    Verdict.NOT_BELIEVABLE: Tone.DOUBTFUL,
    Verdict.NOT_MEASURED: Tone.DOUBTFUL,
    Verdict.BOTH_INFINITE: Tone.DOUBTFUL,
}
ANSWER_TONES = {"yes": Tone.GOOD, "no": Tone.BAD, "invalid": Tone.DOUBTFUL, "unknown": Tone.DOUBTFUL}
HEALTH = "run_health"


def campaign_page(directory: Path) -> Page:
    """Write the report of a campaign.

    Raises:
        ValueError: a file is damaged, or of another format.

    """
    store = Store(directory)
    summary = store.read_summary()
    gallery = draw_all(summary, read_details(directory, summary.plan), store.charts)
    plan, workload = summary.plan, summary.plan.workload
    charts = _charts(gallery)
    return Page(
        title=f"{listing([arm.label for arm in plan.arms])} with {listing([f'{n:,}' for n in workload.users])} users",
        subtitle=f"{workload.room_rate:g} messages a second of {workload.message_size} bytes in one room, "
        f"{workload.duration_s:g} s a window, {plan.blocks} {'block' if plan.blocks == 1 else 'blocks'}, "
        f"{summary.environment.time[:10]}",
        verdict=[f"{sentence}." for sentence in (finding(summary), *verdicts(summary))],
        remarks=_remarks(summary),
        sections=[
            _evidence(summary, charts, gallery.left_out),
            _health(summary, charts),
            environment_section(summary.environment),
            reproduce_section(compare_command(plan), summary.environment),
        ],
    )


def _charts(gallery: Gallery) -> dict[str, Chart]:
    """Put the charts into the order of their captions."""
    drawn = {one.name: one for one in gallery.drawn}
    return {
        name: Chart(name, drawn[name].finding, caption, drawn[name].svg)
        for name, caption in CAPTIONS.items()
        if name in drawn
    }


def _remarks(summary: Summary) -> list[Remark]:
    """Say what is missing, what may not be believed and what failed, or that nothing is."""
    return [_missing(summary), _belief(summary), *_ends(summary), *machine_remarks(summary.environment)]


def _missing(summary: Summary) -> Remark:
    counts: dict[tuple[str, int], tuple[int, int]] = {}
    for cell in summary.cells:
        if cell.valid:
            missing, expected = counts.get((cell.strategy, cell.users), (0, 0))
            counts[cell.strategy, cell.users] = missing + cell.missing, expected + cell.expected
    lossy = {place: (missing, expected) for place, (missing, expected) in counts.items() if missing}
    beside = sum(cell.missing for cell in summary.cells if not cell.valid)
    if not summary.cells:
        return Remark(Tone.DOUBTFUL, "Nothing was measured.")
    if not lossy:
        where = f" in what may be believed; {beside:,} are in what may not" if beside else ""
        return Remark(Tone.DOUBTFUL if beside else Tone.GOOD, f"No delivery is missing{where}.")
    listed = [
        f"{strategy} with {users:,} users {missing:,} of {expected:,} ({100 * missing / expected:.2g} %)"
        for (strategy, users), (missing, expected) in lossy.items()
    ]
    more = f" {beside:,} more are missing in cells that may not be believed." if beside else ""
    return Remark(Tone.BAD, f"Deliveries missing, counted as infinitely late: {listing(listed)}.{more}")


def _belief(summary: Summary) -> Remark:
    invalid: dict[tuple[str, int], list[str]] = {}
    for cell in summary.cells:
        if not cell.valid:
            invalid.setdefault((cell.strategy, cell.users), []).append(str(cell.block))
    if not summary.cells:
        return Remark(Tone.DOUBTFUL, "There is nothing to believe: no cell was measured.")
    if not invalid:
        return Remark(Tone.GOOD, f"Each of {len(summary.cells):,} cells may be believed.")
    listed = [
        f"{strategy} with {users:,} users ({'block' if len(blocks) == 1 else 'blocks'} {listing(blocks)})"
        for (strategy, users), blocks in invalid.items()
    ]
    total = sum(map(len, invalid.values()))
    return Remark(
        Tone.DOUBTFUL,
        f"{total:,} of {len(summary.cells):,} cells may not be believed and count for nothing: {listing(listed)}; "
        "the run's health says why.",
    )


def _ends(summary: Summary) -> list[Remark]:
    failures = [
        Remark(Tone.BAD, f"{failure.strategy}, block {failure.block}, failed: {failure.reason}.")
        for failure in summary.failures
    ]
    unmeasured: dict[str, set[int]] = {}
    for gap in summary.not_measured:
        unmeasured.setdefault(gap.strategy, set()).add(gap.users)
    gaps = [
        f"{strategy} with {listing([f'{n:,}' for n in sorted(counts)])} users"
        for strategy, counts in unmeasured.items()
    ]
    return [*failures, *([Remark(Tone.DOUBTFUL, f"Not measured: {listing(gaps)}.")] if gaps else [])]


def _evidence(summary: Summary, charts: dict[str, Chart], left_out: dict[str, str]) -> Section:
    missing = [f"{name.replace('_', ' ')}: {reason}" for name, reason in left_out.items()]
    return Section(
        "Evidence",
        [f"Charts left out: {'; '.join(missing)}."] if missing else [],
        [_answer(summary), *_comparisons(compare_arms(summary)), *_growth(growths(summary))],
        [chart for name, chart in charts.items() if name != HEALTH],
    )


def _answer(summary: Summary) -> Table:
    first, *numbers, last = table.headings(summary)
    rows = []
    for arm in summary.plan.arms:
        for users in summary.plan.workload.users:
            if cells := summary.blocks_of(arm.label, users):
                row = tuple(table.row(cells, summary))
                word = row[-1].partition(",")[0]
                tone = ANSWER_TONES.get(word, Tone.PLAIN)
                rows.append(Row(row, tone))
            else:
                gap = ("not measured", *[""] * (len(numbers) - 2))
                rows.append(Row((arm.label, f"{users:,}", *gap, "not measured"), Tone.DOUBTFUL))
    caption = (
        f"Every strategy at every user count; the objective is p99 <= {summary.plan.slo_ms:g} ms and nothing missing"
    )
    return Table(caption, (first, *numbers, last), rows, frozenset(numbers))


def _comparisons(comparisons: list[Comparison]) -> list[Table]:
    if not comparisons:
        return []
    one = comparisons[0]
    headings = ("strategy", "users", "ratio", "95 % interval", "adjusted p", "blocks", "verdict")
    rows = [
        Row(
            (
                each.arm,
                f"{each.users:,}",
                _ratio(each.ratio),
                _interval(each),
                f"{each.adjusted_p:.3g}",
                f"{each.blocks_used}",
                each.verdict,
            ),
            VERDICT_TONES.get(each.verdict, Tone.PLAIN),
        )
        for each in comparisons
    ]
    caption = f"{one.metric} by that of {one.baseline}: below 1 is faster"
    return [Table(caption, headings, rows, frozenset(headings[1:-1]))]


def _growth(each_arms: list[Growth]) -> list[Table]:
    if not each_arms:
        return []
    counts = sorted({users for growth in each_arms for users in growth.users})
    headings = ("strategy", "power", "95 % interval", "blocks", *(f"{users:,} users" for users in counts))
    rows = []
    for growth in each_arms:
        costs = dict(zip(growth.users, growth.cpu_us, strict=True))
        numbers = (f"{costs[users]:,.0f}" if users in costs else "-" for users in counts)
        fitted = (growth.power, growth.low, growth.high)
        power, low, high = (f"{round(each, 2) + 0.0:.2f}" for each in fitted)  # no -0.00
        rows.append(Row((growth.strategy, power, f"{low} to {high}", f"{growth.blocks}", *numbers)))
    caption = (
        "CPU time of the server for one message in us, and the power of the number of users with which it grows "
        "(0 is O(1), 1 is O(n)); without cells that did not keep up or may not be believed"
    )
    return [Table(caption, headings, rows, frozenset(headings[1:]))]


def _interval(one: Comparison) -> str:
    if math.isinf(one.low):
        return "infinite"
    return span(one.low, one.high) if one.high else "0"


def _ratio(value: float) -> str:
    if math.isnan(value):
        return "unknown"
    return "infinite" if math.isinf(value) else rounded(value) if value else "0"


def _health(summary: Summary, charts: dict[str, Chart]) -> Section:
    remarks = table.remarks(summary)
    return Section(
        "Run health",
        [] if remarks else ["Nothing to remark: no cell is invalid, none has a warning, and all were measured."],
        [Table("What speaks against cells, and what was not measured", ("",), [Row((text,)) for text in remarks])]
        if remarks
        else [],
        [charts[HEALTH]] if HEALTH in charts else [],
    )
