"""A percentile needs ten messages beyond it."""

from __future__ import annotations

import pytest

from loadtest.ledger.percentile_support import PERCENTILES, highest_supported, is_supported, messages_needed


@pytest.mark.parametrize(
    ("percentile", "messages"), [(50, 20), (90, 100), (99, 1_000), (99.9, 10_000), (99.99, 100_000)]
)
def test_ten_messages_lie_beyond_a_supported_percentile(percentile: float, messages: int) -> None:
    assert messages_needed(percentile) == messages
    assert is_supported(percentile, messages)
    assert not is_supported(percentile, messages - 1)


@pytest.mark.parametrize(
    ("messages", "highest"), [(0, None), (19, None), (20, 50), (300, 90), (999, 90), (1_000, 99), (10_000, 99.9)]
)
def test_the_highest_supported_percentile_follows_the_messages(messages: int, highest: float | None) -> None:
    assert highest_supported(messages) == highest
    assert all(is_supported(percentile, messages) for percentile in PERCENTILES if highest and percentile <= highest)
