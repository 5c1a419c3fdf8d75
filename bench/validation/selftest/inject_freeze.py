"""Injection: the server is frozen for a second in the middle of the window."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

import psutil
from hdrh.histogram import HdrHistogram
from websockets.exceptions import InvalidHandshake

from bench.errors import TrialError
from bench.execution.freeze import CATCH_UP_LIMIT_S, Freeze, freeze
from bench.execution.server_process import ChatServer
from bench.execution.telemetry_reader import read_stats
from bench.validation.selftest.closed_loop import ClosedLoopUser, percentile_ms
from bench.validation.selftest.freeze_distribution import Envelope
from bench.validation.selftest.harness import Harness, steady
from bench.validation.selftest.results import Result, validity
from loadtest.ledger.result import Step

NAME = "freeze"
FREEZE_S = 1.0
WORKLOAD = steady(users=10)
SHOWN_PERCENTILES = (50, 85, 91, 92, 95, 97, 99, 99.5, 99.9)
MIN_SLOPE_PERCENTILE = 90  # the freeze is in the slowest 10 %
SLOPE_PERCENTILES = tuple(tenths / 10 for tenths in range(MIN_SLOPE_PERCENTILE * 10 + 5, 1000))
MAX_WAKE_UP_MS = 2
"""A process that wakes up gets its core within this time where nothing else runs."""
SLOPE_TOLERANCE_MS = MAX_WAKE_UP_MS + 1000 / WORKLOAD.room_rate + 1
"""Messages are 5 ms apart, so the measured distribution has steps of 5 ms where the model has a slope.
Histograms keep three digits: 1 ms in 1,000."""
LOAD_LIMIT_S = 60
CLOSED_LOOP_INTERVAL_S = 0.02
TIMEOUTS_S = {"patient": float("inf"), "impatient": 0.1}
NOTE = (
    "Freeze: expected is the model's range, from a server that catches up in no time to one that takes as long as this "
    "one worked afterwards. Closed-loop reading: two closed-loop users in the same room at the same time, one without "
    f"a timeout / one with a timeout of {TIMEOUTS_S['impatient']} s that counts only the echoes that came."
)


def run(harness: Harness) -> list[Result]:
    """Freeze a server under load and compare the whole latency distribution with the model."""
    with harness.server(NAME, WORKLOAD) as server, ExitStack() as stack:
        address = server.await_ready(harness.interruption)
        swarm = stack.enter_context(harness.swarm(NAME, WORKLOAD, address))
        harness.wait_until(lambda: read_stats(*address).messages_in > 0, LOAD_LIMIT_S, "the warm-up", server, swarm)
        closed_loop = _join_closed_loop_users(address, stack)
        harness.pause(WORKLOAD.warmup_s + (WORKLOAD.duration_s - FREEZE_S) / 2, server, swarm)
        frozen = _freeze(server)
        step = harness.await_step(swarm, WORKLOAD, server)
    _check_in_time(frozen, step)
    return _distribution(frozen, step, closed_loop)


def _join_closed_loop_users(address: tuple[str, int], stack: ExitStack) -> list[ClosedLoopUser]:
    host, port = address
    users = [
        ClosedLoopUser(f"ws://{host}:{port}/chat?user_id={name}", CLOSED_LOOP_INTERVAL_S, timeout_s)
        for name, timeout_s in TIMEOUTS_S.items()
    ]
    try:
        return [stack.enter_context(user) for user in users]
    except (OSError, InvalidHandshake) as error:
        raise TrialError(f"a closed-loop user could not join: {error}") from error


def _freeze(server: ChatServer) -> Freeze:
    try:
        return freeze(server.pid, FREEZE_S)
    except (psutil.NoSuchProcess, TimeoutError) as error:
        raise TrialError(f"the server could not be frozen: {error}", server.last_lines()) from error


def _check_in_time(frozen: Freeze, step: Step) -> None:
    if not step.window_start_ns < frozen.before_stop_ns < frozen.after_wake_ns + 1e9 < step.window_end_ns:
        raise TrialError(
            "the freeze was not in the middle of the window; run the self-test on an otherwise idle machine"
        )
    if frozen.worked_s > 0.9 * CATCH_UP_LIMIT_S:
        raise TrialError(
            f"the server still had a backlog {CATCH_UP_LIMIT_S} s after its freeze; use an otherwise idle machine"
        )


def _distribution(frozen: Freeze, step: Step, closed_loop: list[ClosedLoopUser]) -> list[Result]:
    window = step.window_start_ns, step.window_end_ns
    closed_loop_ms = [user.latencies_ms(*window) for user in closed_loop]
    if not all(closed_loop_ms):
        raise TrialError("a closed-loop user got no echo at all")
    envelope = Envelope(
        min_freeze_s=frozen.shortest_s,
        max_freeze_s=frozen.longest_s,
        catch_up_s=frozen.worked_s,
        undisturbed_s=percentile_ms(closed_loop_ms[0], 50) / 1e3,
        window_s=step.window_s,
    )
    injected = f"freeze {frozen.longest_s:.2f} s of {step.window_s:g} s"
    measured_ms = percentiles_ms(step.histogram, (*SHOWN_PERCENTILES, *SLOPE_PERCENTILES))
    results = [quantile(injected, p, envelope, measured_ms[p], closed_loop_ms) for p in SHOWN_PERCENTILES]
    off_ms = {p: envelope.distance_s(p / 100, measured_ms[p] / 1e3) * 1e3 for p in SLOPE_PERCENTILES}
    return [*results, _max_distance(injected, off_ms), _missing(injected, step, closed_loop), validity(injected, step)]


def quantile(
    injected: str, percentile: float, envelope: Envelope, measured_ms: float, closed_loop_ms: list[list[float]]
) -> Result:
    """Compare one percentile with the model's bounds, with the tolerance for this percentile."""
    lower, upper = (bound * 1e3 for bound in envelope.bounds_s(percentile / 100))
    allowed_ms = MAX_WAKE_UP_MS if percentile < MIN_SLOPE_PERCENTILE else SLOPE_TOLERANCE_MS
    readings = " / ".join(f"{percentile_ms(each, percentile):.1f}" for each in closed_loop_ms)
    return Result(
        injected,
        f"p{percentile:g}",
        f"{lower:.1f} to {upper:.1f} +- {allowed_ms:g} ms",
        f"{measured_ms:.1f} ms",
        envelope.distance_s(percentile / 100, measured_ms / 1e3) * 1e3 <= allowed_ms,
        f"{readings} ms",
    )


def percentiles_ms(histogram: str, percentiles: Iterable[float]) -> dict[float, float]:
    """Read percentiles from a Step's histogram; one that falls among missing deliveries is an hour."""
    found: dict[float, int] = HdrHistogram.decode(histogram).get_percentile_to_value_dict(sorted(set(percentiles)))
    return {percentile: value_us / 1e3 for percentile, value_us in found.items()}


def _max_distance(injected: str, off_ms: dict[float, float]) -> Result:
    worst = max(SLOPE_PERCENTILES, key=off_ms.__getitem__)
    where = f" (p{worst:g})" if off_ms[worst] else ""
    return Result(
        injected,
        "p90.5 to p99.9, largest deviation",
        f"at most {SLOPE_TOLERANCE_MS:g} ms",
        f"{off_ms[worst]:.1f} ms{where}",
        off_ms[worst] <= SLOPE_TOLERANCE_MS,
    )


def _missing(injected: str, step: Step, closed_loop: list[ClosedLoopUser]) -> Result:
    timeouts = " / ".join(str(user.timeouts(step.window_start_ns, step.window_end_ns)) for user in closed_loop)
    return Result(injected, "missing", "0", f"{step.missing:,}", step.missing == 0, f"{timeouts} timeouts")
