"""Percentiles over expected deliveries: exact to three digits, `None` where they fall among missing ones."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from loadtest.ledger.aggregate import Aggregate, Figures, latency, new_histogram, percentile_ms, record
from loadtest.ledger.records import NEVER
from loadtest.ledger.result import HIGHEST_US, Counts


def test_percentiles_agree_with_numpy_to_three_digits() -> None:
    values_ns = np.random.default_rng(1).lognormal(14, 1.5, 100_000).astype(np.int64)
    histogram = new_histogram()
    record(histogram, values_ns)
    for percentile in (1, 50, 90, 99, 99.9, 100):
        exact_ms = np.percentile(values_ns, percentile, method="inverted_cdf") / 1e6
        assert percentile_ms(histogram, percentile) == pytest.approx(exact_ms, rel=0.002, abs=0.001)


@pytest.mark.parametrize(("missing", "p99"), [(9, 1.0), (10, 1.0), (11, None), (1000, None)])
def test_a_percentile_among_missing_is_none(missing: int, p99: float | None) -> None:
    histogram = new_histogram()
    record(histogram, np.full(1000 - missing, 1_000_000))
    if missing:
        histogram.record_value(HIGHEST_US, missing)
    assert percentile_ms(histogram, 99) == p99
    assert latency(histogram).max is None


@pytest.mark.parametrize(("expected", "missing", "percentile"), [(160, 2, 99), (2856, 3, 99.9), (3, 1, 99)])
def test_the_first_missing_one_is_not_rounded_away(expected: int, missing: int, percentile: float) -> None:
    histogram = new_histogram()
    record(histogram, np.full(expected - missing, 1_000_000))
    histogram.record_value(HIGHEST_US, missing)
    assert percentile_ms(histogram, percentile) is None


@pytest.mark.parametrize(("missing", "p99_9"), [(342_954, 1.0), (342_955, None)])
def test_the_rank_is_exact_for_hundreds_of_millions(missing: int, p99_9: float | None) -> None:
    histogram = new_histogram()
    histogram.record_value(1000, 342_954_000 - missing)
    histogram.record_value(HIGHEST_US, missing)
    assert percentile_ms(histogram, 99.9) == p99_9


def test_figures_are_those_of_the_aggregate() -> None:
    counts = msgspec.structs.replace(Counts.zero(), expected=7, delivered=5, missing=2)
    aggregate = Aggregate(windows=2, counts=counts, backlog_growth=0.03)
    assert not Aggregate(backlog_growth=0.01).figures().saturated
    record(aggregate.latency, np.array([1_000_000, NEVER]))
    record(aggregate.by_position[9], np.array([5_000_000]))
    record(aggregate.schedule_lag, np.array([2_000_000]))
    figures = msgspec.msgpack.decode(msgspec.msgpack.encode(aggregate.figures()), type=Figures)
    assert (figures.windows, figures.expected, figures.missing, figures.saturated) == (2, 7, 2, True)
    assert (figures.latency_ms.p50, figures.latency_ms.max) == (1.0, None)
    assert figures.position_ms[9].p50 == pytest.approx(5.0, rel=0.001)
    assert figures.position_ms[0].p50 is None
    assert figures.schedule_lag_ms.p99 == pytest.approx(2.0, rel=0.001)


def test_never_is_recorded_as_never_and_nothing_as_nothing() -> None:
    histogram = new_histogram()
    assert percentile_ms(histogram, 50) is None
    record(histogram, np.array([0, 499, 500, NEVER]))
    assert histogram.get_total_count() == 4
    assert percentile_ms(histogram, 50) == 0.0
    assert percentile_ms(histogram, 75) == 0.001
    assert percentile_ms(histogram, 100) is None
