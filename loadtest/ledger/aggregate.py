"""Sums the judged windows of one user count and computes their figures."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtest.ledger.ledger import Judgement
from loadtest.ledger.records import NEVER, Integers
from loadtest.ledger.result import (
    HIGHEST_US,
    Counts,
    Latency,
    MedianAndTail,
    Second,
    WindowFigures,
    shared_fields,
)
from loadtest.ledger.room_judgement import POSITIONS
from loadtest.ledger.timeline import seconds_of
from loadtest.ledger.validity_limits import MAX_BACKLOG_GROWTH

_TIMES = (
    *("latency", "latency_lower", "response", "first_receiver", "last_receiver", "spread"),
    *("uncertainty", "read_lag", "schedule_lag", "replay"),
)
TIMELINE_SECONDS = 3600
"""The timeline keeps the last hour, so that memory stays bounded."""


def new_histogram() -> HdrHistogram:
    """Return an empty histogram of microseconds, 3 significant digits, up to `HIGHEST_US`."""
    return HdrHistogram(1, HIGHEST_US, 3)


def record(histogram: HdrHistogram, values_ns: Integers) -> None:
    """Record nanoseconds as microseconds, rounded; `NEVER` becomes the highest value, a negative one 0."""
    values_us = np.clip((values_ns.clip(max=NEVER - 500) + 500) // 1000, 0, HIGHEST_US)
    # Three digits are 11 bits. With the bits below cleared there are few distinct values to record one by one.
    too_fine = np.maximum(np.frexp(values_us.astype(np.float64))[1] - 11, 0)
    values_us = values_us >> too_fine << too_fine
    for value, count in zip(*np.unique(values_us, return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))


def percentile_ms(histogram: HdrHistogram, percentile: float) -> float | None:
    """Return a percentile in milliseconds; `None` if it falls among missing deliveries or the histogram is empty.

    The value of rank ceil(p/100 * n): HdrHistogram's own rounds the rank, and so may pass over the first missing one.
    It is computed in whole numbers, with three decimals of the percentile: no float is 99.9, and n may be billions.
    """
    total = histogram.get_total_count()
    if not total:
        return None
    rank = max(1, -(-round(1000 * percentile) * total // 100_000))
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


class Figures(WindowFigures, frozen=True, kw_only=True):
    """The figures of an aggregate, in the terms of `Step` and `Generator`."""

    windows: int
    outstanding: int
    schedule_lag_ms: Latency
    read_lag_ms: Latency
    arrival_uncertainty_p99_ms: float
    lowest_latency_ns: int
    histogram: str
    timeline: list[Second]


@dataclass
class Aggregate:
    """The running sum over windows.

    Histograms hold microseconds. In those of deliveries (`latency`, `latency_lower`, `response`, `by_position`) and of
    messages (`first_receiver`, `last_receiver`, `spread`) a missing one is at `HIGHEST_US`. A negative latency, of
    clocks that do not agree, is at 0, the lowest value; `lowest_latency_ns` is the lowest one of all, 0 where none was
    negative. `backlog_growth` is that of the window with the highest.
    """

    windows: int = 0
    counts: Counts = field(default_factory=Counts.zero)
    outstanding: int = 0
    backlog_growth: float = 0.0
    lowest_latency_ns: int = 0
    latency: HdrHistogram = field(default_factory=new_histogram)
    latency_lower: HdrHistogram = field(default_factory=new_histogram)
    response: HdrHistogram = field(default_factory=new_histogram)
    first_receiver: HdrHistogram = field(default_factory=new_histogram)
    last_receiver: HdrHistogram = field(default_factory=new_histogram)
    spread: HdrHistogram = field(default_factory=new_histogram)
    uncertainty: HdrHistogram = field(default_factory=new_histogram)
    read_lag: HdrHistogram = field(default_factory=new_histogram)
    schedule_lag: HdrHistogram = field(default_factory=new_histogram)
    replay: HdrHistogram = field(default_factory=new_histogram)
    timeline: deque[Second] = field(default_factory=lambda: deque(maxlen=TIMELINE_SECONDS))
    by_position: list[HdrHistogram] = field(default_factory=lambda: [new_histogram() for _ in range(POSITIONS)])

    def add(self, judgement: Judgement) -> None:
        """Add one window."""
        self.timeline += seconds_of(judgement)
        self.windows += 1
        self.counts += judgement.counts
        self.outstanding += judgement.outstanding
        self.backlog_growth = max(self.backlog_growth, judgement.backlog_growth)
        self.lowest_latency_ns = int(judgement.latency.min(initial=self.lowest_latency_ns))
        for name in _TIMES:
            record(getattr(self, name), getattr(judgement, name))
        _record_missing(self.latency, judgement.counts.missing)
        _record_missing(self.latency_lower, judgement.counts.missing)
        _record_missing(self.response, judgement.counts.missing)
        for position, histogram in enumerate(self.by_position):
            record(histogram, judgement.latency[judgement.position == position])
            _record_missing(histogram, int(judgement.missing_by_position[position]))

    def figures(self) -> Figures:
        """Compute the percentiles."""
        return Figures(
            **shared_fields(Counts, self.counts),
            windows=self.windows,
            outstanding=self.outstanding,
            saturated=self.backlog_growth > MAX_BACKLOG_GROWTH,
            backlog_growth=self.backlog_growth,
            latency_ms=latency(self.latency),
            latency_lower_ms=latency(self.latency_lower),
            response_ms=latency(self.response),
            first_receiver_ms=p50_and_p99(self.first_receiver),
            last_receiver_ms=p50_and_p99(self.last_receiver),
            spread_ms=p50_and_p99(self.spread),
            position_ms=[p50_and_p99(histogram) for histogram in self.by_position],
            schedule_lag_ms=latency(self.schedule_lag),
            read_lag_ms=latency(self.read_lag),
            arrival_uncertainty_p99_ms=percentile_ms(self.uncertainty, 99) or 0.0,
            replay_ms=latency(self.replay) if self.counts.replayed else None,
            lowest_latency_ns=self.lowest_latency_ns,
            histogram=self.latency.encode().decode(),
            timeline=sorted(self.timeline, key=lambda second: second.start_ns),
        )
