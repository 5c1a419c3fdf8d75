"""A window second by second: the messages due in each, and their latency."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from loadtest.ledger.ledger import Judgement
from loadtest.ledger.records import Integers
from loadtest.ledger.result import Second


def seconds_of(judgement: Judgement) -> Iterator[Second]:
    """Yield a row for each second of a window; percentiles are over expected deliveries, `None` among missing ones.

    Without replays: what is expected of a second are the deliveries to members that were present, and missing ones.
    """
    order = np.argsort(judgement.second, kind="stable")
    edges = np.searchsorted(judgement.second[order], np.arange(len(judgement.expected_by_second) + 1))
    for second, expected in enumerate(judgement.expected_by_second.tolist()):
        latency = np.sort(judgement.latency[order[edges[second] : edges[second + 1]]])
        yield Second(
            start_ns=judgement.start_ns + second * 1_000_000_000,
            messages=int(judgement.messages_by_second[second]),
            expected=expected,
            delivered=len(latency),
            p50=_percentile_ms(latency, expected, 50),
            p99=_percentile_ms(latency, expected, 99),
            max=_percentile_ms(latency, expected, 100),
            withdrawn=int(judgement.withdrawn_by_second[second]),
        )


def _percentile_ms(sorted_ns: Integers, expected: int, percentile: float) -> float | None:
    rank = math.ceil(expected * percentile / 100)
    return round(int(sorted_ns[rank - 1]) / 1e6, 3) if 0 < rank <= len(sorted_ns) else None
