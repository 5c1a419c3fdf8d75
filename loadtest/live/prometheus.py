"""The live figures for Prometheus, by its conventions, on a port of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loadtest.live.seconds import LiveSecond, LiveSeconds


class SwarmMetrics(Collector):
    """Turns the newest second of a run, and the counts of all judged windows, into metrics when they are read."""

    def __init__(self, seconds: Callable[[], LiveSeconds]) -> None:
        self._seconds = seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        seconds = self._seconds()
        (newest,) = seconds.newest(1) or [LiveSecond(0)]
        judged = next((second for second in seconds.newest() if second.is_exact), None)
        yield GaugeMetricFamily("swarm_users", "Users in the room.", newest.users)
        if newest.deliveries_per_s is not None:
            yield GaugeMetricFamily(
                "swarm_deliveries_per_second", "Deliveries in the last second.", newest.deliveries_per_s
            )
        if not newest.is_exact:
            yield _latency("swarm_sample_latency_seconds", "Delivery latency in a sample of the last second.", newest)
        if judged:
            yield _latency("swarm_latency_seconds", "Delivery latency in the last second that was judged.", judged)
        yield CounterMetricFamily("swarm_deliveries", "Deliveries in judged windows.", seconds.deliveries)
        yield CounterMetricFamily("swarm_missing_deliveries", "Missing ones in judged windows.", seconds.missing)
        if newest.schedule_lag_p99_ms is not None:
            yield GaugeMetricFamily(
                "swarm_schedule_lag_p99_seconds",
                "How late messages were sent in the last second.",
                newest.schedule_lag_p99_ms / 1000,
            )


def _latency(name: str, text: str, second: LiveSecond) -> GaugeMetricFamily:
    """Return percentiles; one among missing deliveries is infinite."""
    family = GaugeMetricFamily(name, text, labels=["quantile"])
    for quantile, value_ms in (("0.5", second.p50_ms), ("0.99", second.p99_ms)):
        if value_ms is not None:
            family.add_metric([quantile], value_ms / 1000)
        elif second.is_exact and second.missing:
            family.add_metric([quantile], float("inf"))
    return family


def serve(host: str, port: int, seconds: Callable[[], LiveSeconds]) -> None:
    """Serve the metrics at `/metrics` of a port, until the process ends.

    Raises:
        OSError: the port is taken, or the host is none of this machine.

    """
    registry = CollectorRegistry()
    registry.register(SwarmMetrics(seconds))
    start_http_server(port, host, registry)
