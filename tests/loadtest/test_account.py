"""Percentiles over what was owed: exact to three digits, `None` where they fall among what never came."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from loadtest.account import HIGHEST_US, Account, EncodedAccount, latency, new_histogram, percentile_ms, record
from loadtest.ledger import NEVER


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


@pytest.mark.parametrize(("owed", "missing", "percentile"), [(160, 2, 99), (2856, 3, 99.9), (3, 1, 99)])
def test_the_first_missing_one_is_not_rounded_away(owed: int, missing: int, percentile: float) -> None:
    histogram = new_histogram()
    record(histogram, np.full(owed - missing, 1_000_000))
    histogram.record_value(HIGHEST_US, missing)
    assert percentile_ms(histogram, percentile) is None


def test_an_account_that_went_to_another_process_is_the_same() -> None:
    account = Account(windows=2, expected=7, saturated=True)
    record(account.latency, np.array([1_000_000, NEVER]))
    record(account.by_position[9], np.array([5_000_000]))
    other = Account.decode(msgspec.msgpack.decode(msgspec.msgpack.encode(account.encode()), type=EncodedAccount))
    assert (other.windows, other.expected, other.saturated) == (2, 7, True)
    assert percentile_ms(other.latency, 50) == 1.0
    assert percentile_ms(other.latency, 100) is None
    assert percentile_ms(other.by_position[9], 50) == pytest.approx(5.0, rel=0.001)
    other.merge(account)
    assert (other.windows, other.latency.get_total_count()) == (4, 4)


def test_never_is_recorded_as_never_and_nothing_as_nothing() -> None:
    histogram = new_histogram()
    assert percentile_ms(histogram, 50) is None
    record(histogram, np.array([0, 499, 500, NEVER]))
    assert histogram.get_total_count() == 4
    assert percentile_ms(histogram, 50) == 0.0
    assert percentile_ms(histogram, 75) == 0.001
    assert percentile_ms(histogram, 100) is None
