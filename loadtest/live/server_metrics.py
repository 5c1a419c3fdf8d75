"""Reads a server's `/metrics` once a second: its CPU time, and the lag of its event loop if it tells that."""

from __future__ import annotations

import time
from dataclasses import dataclass

import gevent
import requests
from prometheus_client.parser import text_string_to_metric_families

LIMIT_S = 2.0
CPU_SECONDS = "process_cpu_seconds_total"
"""By this name every client library of Prometheus tells it."""
LOOP_LAG = "chatroom_loop_lag_seconds_bucket"
PERCENTILE = 0.99


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """The load of a server since the reading before; what it does not tell is `None`."""

    cpu_percent: float | None = None
    loop_lag_p99_ms: float | None = None


class ServerMetrics:
    """Reads in a greenlet of its own; `load` is what the last reading showed."""

    def __init__(self, url: str, period_s: float) -> None:
        self._url = url
        self._period_s = period_s
        self._before: tuple[float, float | None, dict[float, float]] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self.load = ServerLoad()
        self._greenlet = gevent.spawn(self._run)

    def close(self) -> None:
        """Stop reading."""
        self._greenlet.kill()
        self._session.close()

    def _run(self) -> None:
        while True:
            try:
                response = self._session.get(self._url, timeout=LIMIT_S)
                response.raise_for_status()
                self._read(response.text)
            except (requests.RequestException, ValueError):
                self.load = ServerLoad()  # it is too busy to answer, or has no such page: shown as not known
            gevent.sleep(self._period_s)

    def _read(self, text: str) -> None:
        now_s, cpu_s, buckets = time.monotonic(), None, {}
        wanted = "\n".join(line for line in text.splitlines() if line.startswith((CPU_SECONDS, LOOP_LAG)))
        for family in text_string_to_metric_families(f"{wanted}\n"):  # parsing a long page would delay what is due
            for sample in family.samples:
                if sample.name == CPU_SECONDS:
                    cpu_s = sample.value
                elif sample.name == LOOP_LAG:
                    buckets[float(sample.labels["le"])] = sample.value
        if self._before:
            before_s, before_cpu_s, before = self._before
            spent_s = None if cpu_s is None or before_cpu_s is None else cpu_s - before_cpu_s
            if spent_s is not None and spent_s < 0:  # the server was started again
                self.load = ServerLoad()
            else:
                cpu = None if spent_s is None else 100 * spent_s / (now_s - before_s)
                self.load = ServerLoad(cpu, _percentile_ms({le: n - before.get(le, 0) for le, n in buckets.items()}))
        self._before = now_s, cpu_s, buckets


def _percentile_ms(buckets: dict[float, float]) -> float | None:
    """Return the upper bound of the bucket that a percentile is in; counts are cumulative, bounds in seconds."""
    total = max(buckets.values(), default=0)
    reached = (le for le in sorted(buckets) if total and buckets[le] >= PERCENTILE * total)
    bound = next(reached, None)
    return None if bound is None or bound == float("inf") else bound * 1000
