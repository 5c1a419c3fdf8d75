"""Takes a sample every second of a run and passes it on: to Locust's statistics, the tab, Prometheus, and a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
    """One run as it is seen; to be closed. A process without users has no `generator`, and takes no samples.

    `users` counts those of the whole swarm. Each second is a line of JSON in the file `out`, if there is one, and again
    once it is exact.
    """

    def __init__(
        self,
        generator: Generator | None,
        users: Callable[[], int],
        stats: RequestStats,
        server_metrics: str = "",
        out: Path | None = None,
        *,
        samples: bool = True,
    ) -> None:
        """Begin to take samples, unless `samples` is false: then only judged seconds are seen."""
        self._users = users
        self._sampler = Sampler(generator) if generator else None
        self._statistics = LiveStatistics(stats)
        self._metrics = ServerMetrics(server_metrics, PERIOD_S) if server_metrics else None
        self._out = out.open("w") if out else None
        self.seconds = LiveSeconds(self._write)
        self._greenlet = gevent.spawn(self._run) if samples else None

    def judged(self, seconds: Sequence[Second]) -> None:
        """Take the seconds of a window that was judged."""
        self.seconds.judged(seconds)

    def close(self) -> None:
        """Take the last sample, so that Locust's count of deliveries is exact, and stop."""
        if self._greenlet:
            self._greenlet.kill()
            self._update()
        if self._metrics:
            self._metrics.close()
        if self._out:
            self._out.close()
            self._out = None

    def _run(self) -> None:
        while True:
            gevent.sleep(PERIOD_S - time.time() % PERIOD_S)  # whole seconds of the clock
            self._update()

    def _update(self) -> None:
        load = self._metrics.load if self._metrics else ServerLoad()
        second = LiveSecond(
            time_s=round(time.time() - PERIOD_S),
            users=self._users(),
            server_cpu_percent=load.cpu_percent,
            server_loop_lag_p99_ms=load.loop_lag_p99_ms,
        )
        if self._sampler:
            began_ns = time.thread_time_ns()
            sample = self._sampler.take()
            self._statistics.add(sample)
            p50_ms, p99_ms = p50_and_p99(sample.times_ms)
            _, lag_ms = p50_and_p99(sample.lags_ms)
            second = msgspec.structs.replace(
                second,
                deliveries_per_s=sample.deliveries / sample.seconds,
                p50_ms=p50_ms,
                p99_ms=p99_ms,
                schedule_lag_p99_ms=lag_ms,
                sampling_cpu_ms=(time.thread_time_ns() - began_ns) / 1e6,
            )
        self.seconds.add(second)

    def _write(self, second: LiveSecond) -> None:
        if self._out:
            self._out.write(msgspec.json.encode(second).decode() + "\n")
            self._out.flush()
