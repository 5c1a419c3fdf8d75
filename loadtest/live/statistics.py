"""Feeds Locust's statistics with deliveries at their true rate, with the times of a sample of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from locust.stats import RequestStats, StatsEntry, bucket_response_time

from loadtest.live.sampling import Sample

NAME = "delivery"
TYPE = "WS"


class LiveStatistics:
    """Adds samples; where one has no times, those of the sample before stand in for them."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats
        self._times_ms: Sequence[float] = ()

    def add(self, sample: Sample) -> None:
        """Add the deliveries of a sample."""
        self._times_ms = sample.times_ms or self._times_ms
        if sample.deliveries and self._times_ms:
            log(self._stats.total, self._times_ms, sample.deliveries)
            log(self._stats.get(NAME, TYPE), self._times_ms, sample.deliveries)


def log(entry: StatsEntry, times_ms: Sequence[float], count: int) -> None:
    """Log so many requests at once, their response times spread evenly over a sample, in milliseconds."""
    now_s = time.time()
    entry.num_requests += count
    entry.num_reqs_per_sec[int(now_s)] += count
    entry.last_request_timestamp = now_s
    each, more = divmod(count, len(times_ms))
    for position, time_ms in enumerate(times_ms):
        number = each + (position < more)
        if number:
            entry.response_times[bucket_response_time(time_ms)] += number
            entry.total_response_time += round(time_ms * number)
    entry.max_response_time = max(entry.max_response_time, round(max(times_ms)))
    lowest_ms = round(min(times_ms))
    entry.min_response_time = lowest_ms if entry.min_response_time is None else min(entry.min_response_time, lowest_ms)
