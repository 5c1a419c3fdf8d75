"""Feeds Locust's live statistics with deliveries at their true rate; no result depends on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NoReturn

import gevent
from locust.stats import RequestStats, StatsEntry, bucket_response_time

from loadtest.schedule.stamp import PREFIX, sent_ns_in
from loadtest.worker.generator import Generator

NAME = "delivery"
TYPE = "WS"
SAMPLES = 50
PERIOD_S = 1.0


class LiveStatistics:
    """Adds each second's deliveries to Locust's statistics: how many there were, with the times of a sample of them.

    While a window runs its reads are not parsed, so their number is estimated from the deliveries in the newest ones;
    once all are parsed, it is put right.
    """

    def __init__(self, generator: Generator, stats: RequestStats) -> None:
        self._generator = generator
        self._stats = stats
        self._reads = generator.reads
        self._counted = 0
        self._times_ms: list[float] = []

    def run(self) -> NoReturn:
        """Add the deliveries of each second."""
        while True:
            gevent.sleep(PERIOD_S)
            self.update()

    def update(self) -> None:
        """Add what there was since the last time."""
        newest = self._generator.newest_reads(SAMPLES)
        reads, self._reads = self._generator.reads - self._reads, self._generator.reads
        after_ns = time.time_ns() - PERIOD_S * 1e9
        times_ms = [
            (read_ns - sent_ns) / 1e6
            for _, data, _, read_ns, _ in newest
            if read_ns > after_ns and (sent_ns := sent_ns_in(data)) is not None
        ]
        in_sample = sum(data.count(PREFIX) for _, data, _, _, _ in newest)
        estimate = round(reads * in_sample / len(newest)) if newest else 0
        exact = self._generator.received_so_far
        count = estimate if exact is None else max(0, exact - self._counted)
        self._times_ms = times_ms or self._times_ms
        if count and self._times_ms:
            self._counted += count
            log(self._stats.total, self._times_ms, count)
            log(self._stats.get(NAME, TYPE), self._times_ms, count)


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
