"""Takes a sample every second of a run and passes it on: to Locust's statistics, the tab, Prometheus, and a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import gevent
import msgspec
from locust.stats import RequestStats

from loadtest.ledger.result import Second
from loadtest.live.sampling import PERIOD_S, Sampler, p50_and_p99
from loadtest.live.seconds import LiveSecond, LiveSeconds
from loadtest.live.server_metrics import ServerLoad, ServerMetrics
from loadtest.live.statistics import LiveStatistics
from loadtest.worker.generator import Generator


class Live:
    """One run as it is seen; to be closed. A process without users has no `generator`, and only judged seconds.

    Each second is a line of JSON in the file `out`, if there is one, and again once it is exact.
    """

    def __init__(
        self, generator: Generator | None, stats: RequestStats, server_metrics: str = "", out: Path | None = None
    ) -> None:
        self._generator = generator
        self._sampler = Sampler(generator) if generator else None
        self._statistics = LiveStatistics(stats)
        self._metrics = ServerMetrics(server_metrics, PERIOD_S) if server_metrics else None
        self._out = out.open("w") if out else None
        self.seconds = LiveSeconds(self._write)
        self._greenlet = gevent.spawn(self._run)

    def judged(self, seconds: Sequence[Second]) -> None:
        """Take the seconds of a window that was judged."""
        self.seconds.judged(seconds)

    def close(self) -> None:
        """Take the last sample, so that Locust's count of deliveries is exact, and stop."""
        self._greenlet.kill()
        self._update()
        if self._metrics:
            self._metrics.close()
        if self._out:
            self._out.close()
            self._out = None

    def _run(self) -> None:
        while True:
            gevent.sleep(PERIOD_S)
            self._update()

    def _update(self) -> None:
        if not self._sampler or not self._generator:
            return
        sample = self._sampler.take()
        self._statistics.add(sample)
        load = self._metrics.load if self._metrics else ServerLoad()
        p50_ms, p99_ms = p50_and_p99(sample.times_ms)
        _, lag_ms = p50_and_p99(sample.lags_ms)
        self.seconds.add(
            LiveSecond(
                time_s=int(time.time() - PERIOD_S),
                users=self._generator.users,
                deliveries_per_s=sample.deliveries / PERIOD_S,
                p50_ms=p50_ms,
                p99_ms=p99_ms,
                schedule_lag_p99_ms=lag_ms,
                server_cpu_percent=load.cpu_percent,
                server_loop_lag_p99_ms=load.loop_lag_p99_ms,
            )
        )

    def _write(self, second: LiveSecond) -> None:
        if self._out:
            self._out.write(msgspec.json.encode(second).decode() + "\n")
            self._out.flush()
