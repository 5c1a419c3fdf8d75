"""Samples what a process of the swarm has read, once a second: a window's reads are parsed when it has ended."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

import numpy as np

from loadtest.client.websocket import Read
from loadtest.schedule.stamp import PREFIX, sent_ns_in
from loadtest.worker.generator import Generator

SAMPLES, MAX_BYTES = 200, 2**20
"""Reads in a sample, fewer if they are large: 1 to 2 ms of work."""
PERIOD_S = 1.0
_TIMESPEC = struct.Struct("@qq")


@dataclass(frozen=True, slots=True)
class Sample:
    """What came since the sample before: the number of deliveries, and latencies of some of them in milliseconds.

    `lags_ms` are the schedule lags of all messages that were sent, and `seconds` is how long that took.
    """

    seconds: float
    deliveries: int
    times_ms: tuple[float, ...]
    lags_ms: tuple[float, ...]


class Sampler:
    """Takes samples of a generator.

    While a window runs its reads are not parsed, so the number of deliveries is estimated from those in some of the
    reads; once all are parsed, it is put right.
    """

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._reads = generator.reads
        self._counted = 0
        self._sampled_ns = time.time_ns()

    def take(self) -> Sample:
        """Return what there was since the last time."""
        now_ns = time.time_ns()
        reads, self._reads = self._generator.reads - self._reads, self._generator.reads
        some = self._generator.some_newest_reads(reads, SAMPLES, MAX_BYTES)
        in_sample = sum(data.count(PREFIX) for _, data, _, _, _ in some)
        estimate = round(reads * in_sample / len(some)) if some else 0
        exact = self._generator.received_so_far
        deliveries = estimate if exact is None else max(0, exact - self._counted)
        self._counted += deliveries
        times_ms = tuple(latency for read in some if (latency := _latency_ms(read)) is not None)
        lags_ms = tuple(lag_ns / 1e6 for lag_ns in self._generator.schedule_lags_ns(self._sampled_ns))
        seconds, self._sampled_ns = max(1, now_ns - self._sampled_ns) / 1e9, now_ns
        return Sample(seconds, deliveries, times_ms, lags_ms)


def p50_and_p99(values: tuple[float, ...]) -> tuple[float | None, float | None]:
    """Return two percentiles of a sample, each a value of it; `None` for one without a value."""
    if not values:
        return None, None
    low, high = np.percentile(values, (50, 99), method="inverted_cdf").tolist()
    return low, high


def _latency_ms(read: Read) -> float | None:
    """Return the latency of the first message in a read, by the kernel's receive time where there is one."""
    _, data, timespec, read_ns, _ = read
    sent_ns = sent_ns_in(data)
    if sent_ns is None:
        return None
    if timespec:
        seconds, nanoseconds = _TIMESPEC.unpack(timespec)
        read_ns = seconds * 1_000_000_000 + nanoseconds
    return (read_ns - sent_ns) / 1e6
