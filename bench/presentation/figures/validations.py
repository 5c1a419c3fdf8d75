"""Figures of the tool's validation: self-test, cross-checks, simulation, what it costs to watch."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from bench.analysis.comparison import compare_arms
from bench.analysis.paired_tests import estimate
from bench.claims.medians import (
    p50_lower_ms,
    p50_ms,
    p99_lower_ms,
    p99_ms,
    spread,
    swarm_cpu_us,
    valid_cells,
)
from bench.claims.stored_results import StoredResults
from bench.errors import FiguresError
from bench.model.summary import Cell
from bench.presentation.comparison_wording import ratio_and_interval, span, verdict_in_words
from bench.presentation.cross_check_answer import bracket_in_words
from bench.presentation.figures.costs import latency_over_blocks
from bench.presentation.figures.writing import code, ms, prose, table
from bench.presentation.markdown import table_in_markdown
from bench.presentation.selftest_answer import selftest_table, selftest_verdict
from bench.presentation.table import Column
from bench.validation.cross_check.agreement import CrossCheck
from bench.validation.cross_check.stored import CrossCheckResult
from bench.validation.live_cost import UNWATCHED, WATCHED


def selftest(results: StoredResults, campaign: str) -> str:
    """Show every figure of a self-test, expected against measured."""
    return table_in_markdown(selftest_table(results.selftest(campaign).results))


def selftest_sentence(results: StoredResults, campaign: str) -> str:
    """Say how many figures of a self-test are as expected."""
    result = results.selftest(campaign)
    return prose(selftest_verdict(len(result.results), result.unexpected, result.untested))


def cross_checks(results: StoredResults, *campaigns: str) -> str:
    """Show what each generator reports beside what the observers saw."""
    rows = []
    for campaign in campaigns:
        result = results.cross_check(campaign)
        rows += [_check(result, one) for one in result.checks]
    columns = (
        *(
            "deliveries/s",
            "messages",
            Column("server"),
            Column("generator"),
            "p50 ms",
            "observers'",
            "p99 ms",
            "observers'",
        ),
        *("off by, ms", "missing", Column("")),
    )
    return table(columns, rows)


def _check(result: CrossCheckResult, one: CrossCheck) -> list[str]:
    reported, observed = one.reported.figures, one.observed
    return [
        f"{one.deliveries_per_s:,.0f}",
        f"{observed.expected / result.observers:,.0f}",
        code(result.server),
        one.reported.generator,
        bracket_in_words(reported.p50_low_ms, reported.p50_ms),
        ms(observed.p50_ms),
        bracket_in_words(reported.p99_low_ms, reported.p99_ms),
        ms(observed.p99_ms),
        ms(one.reported.uncertainty_ms),
        f"{reported.expected - reported.delivered:,}, {observed.expected - observed.delivered:,}",
        "agree" if one.agrees else "differ",
    ]


def simulated(results: StoredResults, campaign: str, name: str) -> str:
    """Show a table of the simulation by its name."""
    tables = {each.name: each for each in results.simulation(campaign).tables}
    if name not in tables:
        raise FiguresError(f"{campaign} has no table {name!r}; choose {', '.join(tables)}")
    found = tables[name]
    first, *others = found.headings
    return table([Column(first), *others], found.rows)


def live_cost(results: StoredResults, campaign: str) -> str:
    """Show a watched swarm beside an unwatched one, and say what a sample takes."""
    summary = results.summary(campaign)
    (users,) = summary.plan.workload.users
    cells_of = {label: valid_cells(summary, label, users) for label in (UNWATCHED, WATCHED)}
    rows = []
    for label, cells in cells_of.items():
        lag = spread(cells, lambda cell: cell.generator.schedule_lag_p99_ms, "schedule lag")
        rows.append(
            [
                label,
                f"{spread(cells, swarm_cpu_us, 'CPU time').median:.2f}",
                latency_over_blocks(cells, p50_lower_ms, p50_ms),
                latency_over_blocks(cells, p99_lower_ms, p99_ms),
                ms(lag.median),
                f"{len(cells)} of {summary.plan.blocks}",
            ]
        )
    (compared,) = compare_arms(summary)
    ratio, interval = ratio_and_interval(compared)
    cpu, cpu_interval = _swarm_cpu_ratio(cells_of[WATCHED], cells_of[UNWATCHED])
    rows.append(["ratio", cpu, "", ratio, "", ""])
    rows.append(["95 % interval", cpu_interval, "", interval, "", ""])
    headings = ("swarm CPU, us a delivery", "p50 ms", "p99 ms", "schedule lag p99, ms", "valid blocks")
    sampling_ms = statistics.median(results.live_cost(campaign).sampling_cpu_ms)
    percent = spread(cells_of[WATCHED], lambda cell: cell.generator.cpu_percent, "CPU").median
    rate = summary.plan.workload.room_rate
    said = prose(
        f"{users:,} users, {rate:g} messages/s. Verdict on the p99: {verdict_in_words(compared)}. A sample takes",
        f"{sampling_ms:.2f} ms of CPU time once a second, {10 * sampling_ms / percent:.2f} % of what this swarm uses",
        f"({percent:.0f} % of its core).",
    )
    return f"{table([Column('swarm'), *headings], rows)}\n\n{said}"


def _swarm_cpu_ratio(watched: Sequence[Cell], unwatched: Sequence[Cell]) -> tuple[str, str]:
    """Return the ratio of the swarm's CPU time of a delivery over the blocks that have both, and its interval."""
    one, other = ({cell.block: swarm_cpu_us(cell) for cell in cells} for cells in (watched, unwatched))
    found = estimate(np.log([one[block] / other[block] for block in sorted(one.keys() & other.keys())]))
    centre, low, high = np.exp(found).tolist()
    return f"{centre:.3f}", span(low, high)
