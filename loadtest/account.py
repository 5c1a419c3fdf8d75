"""Folds judged windows of one user count together and turns the sum into a Step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtest.ledger import NEVER, Integers, Judgement
from loadtest.result import LastReceiver, Latency

HIGHEST_US = 3_600_000_000
"""The highest trackable value, one hour in microseconds: here it means *never*."""


def new_histogram() -> HdrHistogram:
    """Return an empty histogram of microseconds, 3 significant digits, up to `HIGHEST_US`."""
    return HdrHistogram(1, HIGHEST_US, 3)


def record(histogram: HdrHistogram, values_ns: Integers) -> None:
    """Record nanoseconds as microseconds, rounded; `NEVER` becomes the highest value."""
    values_us = np.clip((values_ns.clip(max=NEVER - 500) + 500) // 1000, 0, HIGHEST_US)
    for value, count in zip(*np.unique(values_us, return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))


def percentile_ms(histogram: HdrHistogram, percentile: float) -> float | None:
    """Return a percentile in milliseconds; `None` if it falls among what never came, or if there is nothing."""
    if not histogram.get_total_count():
        return None
    value_us = int(histogram.get_value_at_percentile(percentile))
    return None if value_us >= histogram.get_lowest_equivalent_value(HIGHEST_US) else value_us / 1000


def latency(histogram: HdrHistogram) -> Latency:
    """Return the percentiles of a histogram of microseconds."""
    p50, p90, p99, p99_9, top = (percentile_ms(histogram, p) for p in (50, 90, 99, 99.9, 100))
    return Latency(p50=p50, p90=p90, p99=p99, p99_9=p99_9, max=top)


@dataclass
class Account:
    """The running sum over windows.

    Histograms hold microseconds; in `latency`, `response` and `last_receiver` what never came is at `HIGHEST_US`.
    """

    windows: int = 0
    messages: int = 0
    sent: int = 0
    expected: int = 0
    delivered: int = 0
    late: int = 0
    duplicates: int = 0
    reordered: int = 0
    foreign: int = 0
    not_judged: int = 0
    saturated: bool = False
    latency: HdrHistogram = field(default_factory=new_histogram)
    response: HdrHistogram = field(default_factory=new_histogram)
    last_receiver: HdrHistogram = field(default_factory=new_histogram)
    uncertainty: HdrHistogram = field(default_factory=new_histogram)
    read_lag: HdrHistogram = field(default_factory=new_histogram)
    schedule_lag: HdrHistogram = field(default_factory=new_histogram)

    def add(self, judgement: Judgement) -> None:
        """Add one window."""
        self.windows += 1
        for name in (
            "messages",
            "sent",
            "expected",
            "delivered",
            "late",
            "duplicates",
            "reordered",
            "foreign",
            "not_judged",
        ):
            setattr(self, name, getattr(self, name) + getattr(judgement, name))
        self.saturated |= judgement.saturated
        for name in ("latency", "response", "last_receiver", "uncertainty", "read_lag", "schedule_lag"):
            record(getattr(self, name), getattr(judgement, name))
        if judgement.missing:
            self.latency.record_value(HIGHEST_US, judgement.missing)
            self.response.record_value(HIGHEST_US, judgement.missing)

    @property
    def missing(self) -> int:
        """Deliveries that were owed and did not arrive in time."""
        return self.expected - self.delivered

    def last_receiver_ms(self) -> LastReceiver:
        """Return the percentiles over messages of the time to the last receiver."""
        return LastReceiver(p50=percentile_ms(self.last_receiver, 50), p99=percentile_ms(self.last_receiver, 99))

    def finite_ms(self, name: str, percentile: float) -> float:
        """Return a percentile in milliseconds of one of the histograms that hold no missing; 0 where it is empty."""
        return percentile_ms(getattr(self, name), percentile) or 0.0
