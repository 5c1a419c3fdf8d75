"""Turns what was measured at one user count into a Step, and says whether it may be believed."""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtest.account import Account, latency, p50_and_p99
from loadtest.exchange import Cost
from loadtest.ledger import Window
from loadtest.result import Generator, Latency, Step

LEAST_ATTEMPTED = 0.99
SCHEDULE_LAG_MS = 5.0
SCHEDULE_LAG_SHARE = 0.2
CLOCK_STEP_NS = 1_000_000
BUSY_PERCENT = 90.0
UNCERTAIN_SHARE = 0.5


@dataclass(slots=True)
class Measured:
    """The windows of one user count; `costs` has one list a window, one entry a generator."""

    users: int
    joined: int
    stalled: int
    account: Account
    windows: list[Window] = field(default_factory=list)
    costs: list[list[Cost]] = field(default_factory=list)
    drained: bool = True
    problems: list[str] = field(default_factory=list)
    clock_uncertainty_ns: float = 0.0


def to_step(measured: Measured) -> Step:
    """Sum up a user count and judge whether its figures may be believed."""
    account, windows = measured.account, sorted(measured.windows, key=lambda window: window.start_ns)
    window_s = sum(window.end_ns - window.start_ns for window in windows) / 1e9
    arrived = sum(cost.arrived_in_window for costs in measured.costs for cost in costs)
    latency_ms = latency(account.latency)
    generator = _generator(measured, arrived)
    return Step(
        users=measured.users,
        joined=measured.joined,
        stalled=measured.stalled,
        valid=not (reasons := _reasons(measured, latency_ms, generator)),
        reasons=reasons,
        warnings=_warnings(measured, latency_ms, generator),
        windows=account.windows,
        window_s=window_s,
        window_start_ns=windows[0].start_ns,
        window_end_ns=windows[-1].end_ns,
        drain_end_ns=windows[-1].drain_end_ns,
        drained=measured.drained,
        saturated=account.saturated,
        planned_messages=account.messages,
        offered_messages=account.sent,
        expected=account.expected,
        delivered=account.delivered,
        missing=account.missing,
        late=account.late,
        duplicates=account.duplicates,
        reordered=account.reordered,
        order_conflicts=account.order_conflicts,
        foreign=account.foreign,
        not_judged=account.not_judged,
        arrived_in_window=arrived,
        deliveries_per_s=arrived / window_s,
        latency_ms=latency_ms,
        response_ms=latency(account.response),
        first_receiver_ms=p50_and_p99(account.first_receiver),
        last_receiver_ms=p50_and_p99(account.last_receiver),
        spread_ms=p50_and_p99(account.spread),
        position_ms=[p50_and_p99(histogram) for histogram in account.by_position],
        generator=generator,
        histogram=account.latency.encode().decode(),
        timeline=sorted(account.timeline, key=lambda second: second.start_ns),
    )


def _generator(measured: Measured, arrived: int) -> Generator:
    """Sum up what the swarm's processes cost: CPU percent is of one core a process, the busiest of them."""
    account = measured.account
    costs = [cost for costs in measured.costs for cost in costs]
    reads = sum(cost.reads for cost in costs)
    return Generator(
        schedule_lag_p50_ms=account.finite_ms("schedule_lag", 50),
        schedule_lag_p99_ms=account.finite_ms("schedule_lag", 99),
        schedule_lag_max_ms=account.finite_ms("schedule_lag", 100),
        arrival_uncertainty_p99_ms=account.finite_ms("uncertainty", 99),
        read_lag_p50_ms=account.finite_ms("read_lag", 50),
        read_lag_p99_ms=account.finite_ms("read_lag", 99),
        cpu_us_per_delivery=sum(cost.cpu_s for cost in costs) * 1e6 / arrived if arrived else 0.0,
        cpu_percent=max((100 * cost.cpu_s / cost.wall_s for cost in costs if cost.wall_s), default=0.0),
        rss_mib=max((sum(cost.rss_bytes for cost in costs) for costs in measured.costs), default=0) / 2**20,
        frames_per_read=sum(cost.frames for cost in costs) / reads if reads else 0.0,
        reads_without_timestamp=sum(cost.without_timestamp for cost in costs),
    )


def _reasons(measured: Measured, latency_ms: Latency, generator: Generator) -> list[str]:
    """Say why the figures may not be believed, and what to do; nothing where they may."""
    account = measured.account
    reasons = list(measured.problems)
    if measured.joined < measured.users:
        reasons.append(
            f"only {measured.joined} of {measured.users} users joined; see the failures, join more slowly (-r), "
            "and look at the server's limits and at open files (ulimit -n)"
        )
    if not account.messages:
        reasons.append("nothing was due in the window; offer more (--room-rate, --user-rate) or look longer (--dwell)")
    if account.sent < LEAST_ATTEMPTED * account.messages:
        reasons.append(
            f"only {account.sent} of {account.messages} messages were sent; members fell out of the room or the "
            "generator could not keep up: see the failures, offer less or use more workers"
        )
    limit_ms = max(SCHEDULE_LAG_MS, SCHEDULE_LAG_SHARE * (latency_ms.p99 or 0.0))
    if generator.schedule_lag_p99_ms > limit_ms:
        reasons.append(
            f"messages went out {generator.schedule_lag_p99_ms:.2f} ms (p99) after they were due, allowed are "
            f"{limit_ms:.2f} ms; the generator is too busy: offer less, use more workers or free its core"
        )
    step_ns = max((cost.clock_step_ns for costs in measured.costs for cost in costs), default=0)
    if step_ns > CLOCK_STEP_NS:
        reasons.append(
            f"the system's clock was set by {step_ns / 1e6:.1f} ms in the window; "
            "stop time synchronisation from stepping it and run again"
        )
    return reasons


def _warnings(measured: Measured, latency_ms: Latency, generator: Generator) -> list[str]:
    warnings = []
    if generator.cpu_percent > BUSY_PERCENT:
        warnings.append(f"the generator's core was {generator.cpu_percent:.0f} % busy; see schedule and read lag")
    if latency_ms.p99 is not None and generator.arrival_uncertainty_p99_ms > UNCERTAIN_SHARE * latency_ms.p99:
        warnings.append(
            f"a delivery may have come up to {generator.arrival_uncertainty_p99_ms:.1f} ms (p99) before it was "
            "noticed, as one read brought many; read the latencies as 'at most'"
        )
    if generator.reads_without_timestamp:
        warnings.append(
            f"{generator.reads_without_timestamp} messages came without a receive time of the kernel (as with TLS "
            "or on macOS); theirs is when they were read"
        )
    if measured.clock_uncertainty_ns:
        warnings.append(
            f"workers on other machines: their clocks are known to {measured.clock_uncertainty_ns / 1e6:.2f} ms, "
            "and so is every latency between machines"
        )
    if measured.account.saturated:
        warnings.append("saturated: what was under way grew through the window, so latency measures the window")
    if measured.account.foreign:
        warnings.append(f"{measured.account.foreign} stamped messages of the window were not this swarm's")
    return warnings
