"""Figures of the tool's validation: self-test, cross-checks, simulation."""

from __future__ import annotations

from bench.claims.stored_results import StoredResults
from bench.errors import FiguresError
from bench.presentation.cross_check_answer import bracket_in_words
from bench.presentation.figures.writing import code, ms, prose, table
from bench.presentation.markdown import table_in_markdown
from bench.presentation.selftest_answer import selftest_table, selftest_verdict
from bench.presentation.table import Column
from bench.validation.cross_check.agreement import CrossCheck


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
        rows += [_check(result.server, one) for one in result.checks]
    columns = (
        *("deliveries/s", Column("server"), Column("generator"), "p50 ms", "observers'", "p99 ms", "observers'"),
        *("off by, ms", "missing", Column("")),
    )
    return table(columns, rows)


def _check(server: str, one: CrossCheck) -> list[str]:
    reported, observed = one.reported.figures, one.observed
    return [
        f"{one.deliveries_per_s:,.0f}",
        code(server),
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
