"""Injection: the server is frozen for a second in the middle of the window."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

import psutil
from hdrh.histogram import HdrHistogram
from websockets.exceptions import InvalidHandshake

from bench.errors import TrialError
from bench.execution.freeze import CATCH_UP_LIMIT_S, Freeze, freeze
from bench.execution.server_process import Target, read_stats
from bench.validation.selftest.closed_loop import ClosedLoopUser, percentile_ms
from bench.validation.selftest.freeze_distribution import Envelope
from bench.validation.selftest.harness import Rig, steady
from bench.validation.selftest.results import Row, believable
from loadtest.ledger.result import Step

NAME = "freeze"
FREEZE_S = 1.0
WORKLOAD = steady(users=10)
SHOWN = (50, 85, 91, 92, 95, 97, 99, 99.5, 99.9)
SLOPE_FROM = 90  # the freeze is in the slowest 10 %
WHOLE = tuple(tenths / 10 for tenths in range(SLOPE_FROM * 10 + 5, 1000))
WAKE_UP_MS = 2
"""A process that wakes up gets its core within this time where nothing else runs."""
ON_SLOPE_MS = WAKE_UP_MS + 1000 / WORKLOAD.room_rate + 1
"""Messages are 5 ms apart, so the measured distribution has stairs of 5 ms where the one on paper has a slope.
Histograms keep three digits: 1 ms in 1,000."""
LOAD_LIMIT_S = 60
CLOSED_LOOP_INTERVAL_S = 0.02
PATIENCES_S = {"patient": float("inf"), "impatient": 0.1}
NOTE = (
    "Freeze: the distribution on paper, from a server that catches up in no time to one that takes as long as this one "
    "worked afterwards. Usual reading: two closed-loop users in the same room at the same time, one that waits for "
    f"each echo as long as it takes / one that gives up after {PATIENCES_S['impatient']} s and counts only what came."
)


def run(rig: Rig) -> list[Row]:
    """Freeze a server under load and hold the whole distribution of the latency against the one on paper."""
    with rig.server(NAME, WORKLOAD) as server, ExitStack() as stack:
        address = server.await_ready(rig.interruption)
        swarm = stack.enter_context(rig.swarm(NAME, WORKLOAD, address))
        rig.wait_until(lambda: read_stats(*address).messages_in > 0, LOAD_LIMIT_S, "the warm-up", server, swarm)
        usual = _join_closed_loop_users(address, stack)
        rig.pause(WORKLOAD.warmup_s + (WORKLOAD.duration_s - FREEZE_S) / 2, server, swarm)
        frozen = _freeze(server)
        step = rig.step(swarm, WORKLOAD, server)
    _check_in_time(frozen, step)
    return _distribution(frozen, step, usual)


def _join_closed_loop_users(address: tuple[str, int], stack: ExitStack) -> list[ClosedLoopUser]:
    host, port = address
    users = [
        ClosedLoopUser(f"ws://{host}:{port}/chat?user_id={name}", CLOSED_LOOP_INTERVAL_S, patience_s)
        for name, patience_s in PATIENCES_S.items()
    ]
    try:
        return [stack.enter_context(user) for user in users]
    except (OSError, InvalidHandshake) as error:
        raise TrialError(f"a closed-loop user could not join: {error}") from error


def _freeze(server: Target) -> Freeze:
    try:
        return freeze(server.pid, FREEZE_S)
    except (psutil.NoSuchProcess, TimeoutError) as error:
        raise TrialError(f"the server could not be frozen: {error}", server.last_lines()) from error


def _check_in_time(frozen: Freeze, step: Step) -> None:
    if not step.window_start_ns < frozen.before_stop_ns < frozen.after_wake_ns + 1e9 < step.window_end_ns:
        raise TrialError("the freeze was not in the middle of the window; run it where nothing else runs")
    if frozen.worked_s > 0.9 * CATCH_UP_LIMIT_S:
        raise TrialError(
            f"the server still had a backlog {CATCH_UP_LIMIT_S} s after its freeze; run it where nothing else runs"
        )


def _distribution(frozen: Freeze, step: Step, usual: list[ClosedLoopUser]) -> list[Row]:
    window = step.window_start_ns, step.window_end_ns
    usual_ms = [user.latencies_ms(*window) for user in usual]
    if not all(usual_ms):
        raise TrialError("a closed-loop user got no echo at all")
    envelope = Envelope(
        shortest_freeze_s=frozen.shortest_s,
        longest_freeze_s=frozen.longest_s,
        catch_up_s=frozen.worked_s,
        undisturbed_s=percentile_ms(usual_ms[0], 50) / 1e3,
        window_s=step.window_s,
    )
    injected = f"freeze {frozen.longest_s:.2f} s of {step.window_s:g} s"
    measured_ms = percentiles_ms(step.histogram, (*SHOWN, *WHOLE))
    rows = [quantile(injected, p, envelope, measured_ms[p], usual_ms) for p in SHOWN]
    off_ms = {p: envelope.distance_s(p / 100, measured_ms[p] / 1e3) * 1e3 for p in WHOLE}
    return [*rows, _farthest(injected, off_ms), _missing(injected, step, usual), believable(injected, step)]


def quantile(
    injected: str, percentile: float, envelope: Envelope, measured_ms: float, usual_ms: list[list[float]]
) -> Row:
    """Hold one percentile against the paper, give or take what is allowed there."""
    least, greatest = (bound * 1e3 for bound in envelope.bounds_s(percentile / 100))
    allowed_ms = WAKE_UP_MS if percentile < SLOPE_FROM else ON_SLOPE_MS
    readings = " / ".join(f"{percentile_ms(each, percentile):.1f}" for each in usual_ms)
    return Row(
        injected,
        f"p{percentile:g}",
        f"{least:.1f} to {greatest:.1f} +- {allowed_ms:g} ms",
        f"{measured_ms:.1f} ms",
        envelope.distance_s(percentile / 100, measured_ms / 1e3) * 1e3 <= allowed_ms,
        f"{readings} ms",
    )


def percentiles_ms(histogram: str, percentiles: Iterable[float]) -> dict[float, float]:
    """Read percentiles off a Step's histogram; one that falls among missing deliveries is an hour."""
    found: dict[float, int] = HdrHistogram.decode(histogram).get_percentile_to_value_dict(sorted(set(percentiles)))
    return {percentile: value_us / 1e3 for percentile, value_us in found.items()}


def _farthest(injected: str, off_ms: dict[float, float]) -> Row:
    worst = max(WHOLE, key=off_ms.__getitem__)
    where = f" (p{worst:g})" if off_ms[worst] else ""
    return Row(
        injected,
        "p90.5 to p99.9, farthest off",
        f"at most {ON_SLOPE_MS:g} ms",
        f"{off_ms[worst]:.1f} ms{where}",
        off_ms[worst] <= ON_SLOPE_MS,
    )


def _missing(injected: str, step: Step, usual: list[ClosedLoopUser]) -> Row:
    given_up = " / ".join(str(user.given_up(step.window_start_ns, step.window_end_ns)) for user in usual)
    return Row(injected, "missing", "0", f"{step.missing:,}", step.missing == 0, f"{given_up} given up")
