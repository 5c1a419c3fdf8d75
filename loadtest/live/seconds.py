"""The last minutes of a run, a row a second: from a sample at first, exact once their window has been judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from loadtest.ledger.result import Second

KEPT_S = 300


class LiveSecond(msgspec.Struct, frozen=True, omit_defaults=True):
    """One second from `time_s` (whole seconds of CLOCK_REALTIME): deliveries a second, latencies in milliseconds.

    It `is_exact` once its window has been judged. Until then deliveries are estimated, latencies are those of a sample,
    and what is missing is not known. The schedule lag is that of this process's users; `None` is what is not known, or
    a latency among missing deliveries. The server's figures are of its own `/metrics`. `sampling_cpu_ms` is the CPU
    time that the sample took. Seconds of a window begin when it begins, samples with the clock's, so that an exact one
    may be up to a second later than its sample.
    """

    time_s: int
    users: int = 0
    deliveries_per_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    missing: int | None = None
    schedule_lag_p99_ms: float | None = None
    server_cpu_percent: float | None = None
    server_loop_lag_p99_ms: float | None = None
    sampling_cpu_ms: float | None = None
    is_exact: bool = False


class LiveSeconds:
    """Keeps the last `KEPT_S` seconds; `on_second` gets each one that is new, or exact now."""

    def __init__(self, on_second: Callable[[LiveSecond], None] = lambda _: None) -> None:
        self._by_time: dict[int, LiveSecond] = {}
        self._on_second = on_second
        self.deliveries = 0
        self.missing = 0

    def add(self, second: LiveSecond) -> None:
        """Add what a sample of a second shows."""
        self._put(second)

    def judged(self, seconds: Sequence[Second]) -> None:
        """Put exact figures in the place of those of samples; also count them in `deliveries` and `missing`."""
        for second in seconds:
            time_s = second.start_ns // 1_000_000_000
            known = self._by_time.get(time_s, LiveSecond(time_s))
            missing = second.expected - second.delivered
            self.deliveries += second.delivered
            self.missing += missing
            self._put(
                msgspec.structs.replace(
                    known,
                    deliveries_per_s=float(second.delivered),
                    p50_ms=second.p50,
                    p99_ms=second.p99,
                    missing=missing,
                    is_exact=True,
                )
            )

    def newest(self, count: int = KEPT_S) -> list[LiveSecond]:
        """Return up to `count` of the last seconds, the newest first."""
        return [self._by_time[time_s] for time_s in sorted(self._by_time, reverse=True)[:count]]

    def _put(self, second: LiveSecond) -> None:
        self._by_time[second.time_s] = second
        for old in sorted(self._by_time)[:-KEPT_S]:
            del self._by_time[old]
        self._on_second(second)
