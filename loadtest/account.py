"""Folds judged windows of one user count together and turns the sum into a Step."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram

from loadtest.ledger import NEVER, POSITIONS, Integers, Judgement
from loadtest.result import Latency, MedianAndTail, Second
from loadtest.timeline import seconds_of

_COUNTS = (
    *("messages", "sent", "expected", "delivered", "late", "duplicates", "reordered"),
    *("order_conflicts", "foreign", "not_judged"),
)
_TIMES = (
    *("latency", "response", "first_receiver", "last_receiver", "spread"),
    *("uncertainty", "read_lag", "schedule_lag"),
)
TIMELINE_SECONDS = 3600
"""Of a run of hours the timeline keeps the last one, so that memory stays bounded."""
HIGHEST_US = 3_600_000_000
"""The highest trackable value, one hour in microseconds: here it means *never*."""


def new_histogram() -> HdrHistogram:
    """Return an empty histogram of microseconds, 3 significant digits, up to `HIGHEST_US`."""
    return HdrHistogram(1, HIGHEST_US, 3)


def record(histogram: HdrHistogram, values_ns: Integers) -> None:
    """Record nanoseconds as microseconds, rounded; `NEVER` becomes the highest value."""
    values_us = np.clip((values_ns.clip(max=NEVER - 500) + 500) // 1000, 0, HIGHEST_US)
    # Three digits are 11 bits; without the bits below them there are few different values to record one by one.
    too_fine = np.maximum(np.frexp(values_us.astype(np.float64))[1] - 11, 0)
    values_us = values_us >> too_fine << too_fine
    for value, count in zip(*np.unique(values_us, return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))


def percentile_ms(histogram: HdrHistogram, percentile: float) -> float | None:
    """Return a percentile in milliseconds; `None` if it falls among what never came, or if there is nothing.

    The value of rank ceil(p/100 * n): HdrHistogram's own rounds the rank, and so may pass over the first missing one.
    """
    total = histogram.get_total_count()
    if not total:
        return None
    rank = max(1, math.ceil(percentile * total / 100 - 1e-9))
    value_us = int(histogram.get_value_at_percentile(100 * rank / total))
    return None if value_us >= histogram.get_lowest_equivalent_value(HIGHEST_US) else value_us / 1000


def latency(histogram: HdrHistogram) -> Latency:
    """Return the percentiles of a histogram of microseconds."""
    p50, p90, p99, p99_9, top = (percentile_ms(histogram, p) for p in (50, 90, 99, 99.9, 100))
    return Latency(p50=p50, p90=p90, p99=p99, p99_9=p99_9, max=top)


def p50_and_p99(histogram: HdrHistogram) -> MedianAndTail:
    """Return the two percentiles of a histogram of microseconds."""
    return MedianAndTail(p50=percentile_ms(histogram, 50), p99=percentile_ms(histogram, 99))


def _record_missing(histogram: HdrHistogram, count: int) -> None:
    if count:
        histogram.record_value(HIGHEST_US, count)


class EncodedAccount(msgspec.Struct, frozen=True):
    """An account as it goes from process to process; histograms are encoded ones (HdrHistogram V2)."""

    windows: int
    counts: dict[str, int]
    saturated: bool
    histograms: list[bytes]
    timeline: list[Second]


@dataclass
class Account:
    """The running sum over windows.

    Histograms hold microseconds. In those of deliveries (`latency`, `response`, `by_position`) and of messages
    (`first_receiver`, `last_receiver`, `spread`) what never came is at `HIGHEST_US`.
    """

    windows: int = 0
    messages: int = 0
    sent: int = 0
    expected: int = 0
    delivered: int = 0
    late: int = 0
    duplicates: int = 0
    reordered: int = 0
    order_conflicts: int = 0
    foreign: int = 0
    not_judged: int = 0
    saturated: bool = False
    latency: HdrHistogram = field(default_factory=new_histogram)
    response: HdrHistogram = field(default_factory=new_histogram)
    first_receiver: HdrHistogram = field(default_factory=new_histogram)
    last_receiver: HdrHistogram = field(default_factory=new_histogram)
    spread: HdrHistogram = field(default_factory=new_histogram)
    uncertainty: HdrHistogram = field(default_factory=new_histogram)
    read_lag: HdrHistogram = field(default_factory=new_histogram)
    schedule_lag: HdrHistogram = field(default_factory=new_histogram)
    timeline: deque[Second] = field(default_factory=lambda: deque(maxlen=TIMELINE_SECONDS))
    by_position: list[HdrHistogram] = field(default_factory=lambda: [new_histogram() for _ in range(POSITIONS)])

    def add(self, judgement: Judgement) -> None:
        """Add one window."""
        self.timeline += seconds_of(judgement)
        self.windows += 1
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(judgement, name))
        self.saturated |= judgement.saturated
        for name in _TIMES:
            record(getattr(self, name), getattr(judgement, name))
        _record_missing(self.latency, judgement.missing)
        _record_missing(self.response, judgement.missing)
        for position, histogram in enumerate(self.by_position):
            record(histogram, judgement.latency[judgement.position == position])
            _record_missing(histogram, int(judgement.missing_by_position[position]))

    def merge(self, other: Account) -> None:
        """Add what another account has."""
        self.windows += other.windows
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.saturated |= other.saturated
        self.timeline += other.timeline
        for mine, others in zip(self._histograms, other._histograms, strict=True):
            mine.add(others)

    def encode(self) -> EncodedAccount:
        """Return the account as it goes from process to process."""
        return EncodedAccount(
            windows=self.windows,
            counts={name: getattr(self, name) for name in _COUNTS},
            saturated=self.saturated,
            histograms=[histogram.encode() for histogram in self._histograms],
            timeline=list(self.timeline),
        )

    @classmethod
    def decode(cls, encoded: EncodedAccount) -> Account:
        """Return what `encode` was called on."""
        account = cls(windows=encoded.windows, saturated=encoded.saturated)
        for name in _COUNTS:
            setattr(account, name, encoded.counts[name])
        account.timeline += encoded.timeline
        for histogram, data in zip(account._histograms, encoded.histograms, strict=True):
            histogram.decode_and_add(data)
        return account

    @property
    def _histograms(self) -> list[HdrHistogram]:
        return [*(getattr(self, name) for name in _TIMES), *self.by_position]

    @property
    def missing(self) -> int:
        """Deliveries that were owed and did not arrive in time."""
        return self.expected - self.delivered

    def finite_ms(self, name: str, percentile: float) -> float:
        """Return a percentile in milliseconds of one of the histograms that hold no missing; 0 where it is empty."""
        return percentile_ms(getattr(self, name), percentile) or 0.0
