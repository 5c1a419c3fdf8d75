"""Turns the windows of one user count into a `Step`, and judges whether it is valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtest.ledger.aggregate import Figures
from loadtest.ledger.handover import Cost
from loadtest.ledger.records import Window
from loadtest.ledger.result import Generator, Step, WindowFigures, shared_fields
from loadtest.ledger.validity_limits import (
    MAX_BUSY_PERCENT,
    MAX_CLOCK_STEP_NS,
    MAX_SCHEDULE_LAG_MS,
    MAX_SCHEDULE_LAG_RATIO,
    MAX_UNCERTAINTY_RATIO,
    MIN_ATTEMPTED_RATIO,
)


@dataclass(slots=True)
class Measured:
    """The judged windows of one user count; `costs` has one list a window, one entry a worker.

    Where a member that falls out `rejoins`, what it could not send meanwhile is missing, and the step stays valid.
    """

    users: int
    joined: int
    stalled: int
    windows: list[Window] = field(default_factory=list)
    costs: list[list[Cost]] = field(default_factory=list)
    drained: bool = True
    problems: list[str] = field(default_factory=list)
    clock_uncertainty_ns: float = 0.0
    rejoins: bool = False
    wanted_stalled: int = 0

    def note(self, *problems: str) -> None:
        """Keep problems that make the figures invalid, each once."""
        self.problems += [problem for problem in problems if problem not in self.problems]


def to_step(measured: Measured, figures: Figures) -> Step:
    """Sum up a user count and judge whether its figures are valid; windows without figures are left out."""
    windows = sorted(measured.windows[: figures.windows], key=lambda window: window.start_ns)
    costs = measured.costs[: figures.windows]
    window_s = sum(window.end_ns - window.start_ns for window in windows) / 1e9
    arrived = sum(cost.arrived_in_window for each in costs for cost in each)
    generator = _generator(figures, costs, arrived)
    reasons = _reasons(measured, figures, generator)
    return Step(
        **shared_fields(WindowFigures, figures),
        users=measured.users,
        joined=measured.joined,
        stalled=measured.stalled,
        valid=not reasons,
        reasons=reasons,
        warnings=_warnings(measured, figures, generator),
        windows=figures.windows,
        window_s=window_s,
        window_start_ns=windows[0].start_ns,
        window_end_ns=windows[-1].end_ns,
        drain_end_ns=windows[-1].drain_end_ns,
        drained=measured.drained,
        arrived_in_window=arrived,
        deliveries_per_s=arrived / window_s,
        generator=generator,
        histogram=figures.histogram,
        timeline=figures.timeline,
    )


def _generator(figures: Figures, by_window: Sequence[Sequence[Cost]], arrived: int) -> Generator:
    """Sum up what the swarm's processes cost: CPU percent is of one core a process, the busiest of them."""
    costs = [cost for each in by_window for cost in each]
    reads = sum(cost.reads for cost in costs)
    return Generator(
        schedule_lag_p50_ms=figures.schedule_lag_ms.p50 or 0.0,
        schedule_lag_p99_ms=figures.schedule_lag_ms.p99 or 0.0,
        schedule_lag_max_ms=figures.schedule_lag_ms.max or 0.0,
        arrival_uncertainty_p99_ms=figures.arrival_uncertainty_p99_ms,
        read_lag_p50_ms=figures.read_lag_ms.p50 or 0.0,
        read_lag_p99_ms=figures.read_lag_ms.p99 or 0.0,
        cpu_us_per_delivery=sum(cost.cpu_s for cost in costs) * 1e6 / arrived if arrived else 0.0,
        cpu_percent=max((100 * cost.cpu_s / cost.wall_s for cost in costs if cost.wall_s), default=0.0),
        rss_mib=max((sum(cost.rss_bytes for cost in each) for each in by_window), default=0) / 2**20,
        frames_per_read=sum(cost.frames for cost in costs) / reads if reads else 0.0,
        reads_without_timestamp=sum(cost.without_timestamp for cost in costs),
    )


def _reasons(measured: Measured, figures: Figures, generator: Generator) -> list[str]:
    """Say why the figures are invalid and what to do; empty where they are valid."""
    planned, offered = figures.planned_messages, figures.offered_messages
    reasons = list(measured.problems)
    if measured.joined < measured.users:
        reasons.append(
            f"only {measured.joined} of {measured.users} users joined; see the failures, join more slowly (-r), "
            "and look at the server's limits and at open files (ulimit -n)"
        )
    if measured.stalled < measured.wanted_stalled:
        reasons.append(
            f"only {measured.stalled} of {measured.wanted_stalled} stalled users were in; "
            "see the failures, and the workers' logs where there are workers"
        )
    if not planned:
        reasons.append("nothing was due in the window; raise the rate (--room-rate, --user-rate) or --dwell")
    if offered < MIN_ATTEMPTED_RATIO * planned and not measured.rejoins:
        reasons.append(
            f"only {offered} of {planned} messages were sent; members fell out of the room or the "
            "generator could not keep up: see the failures, offer less or use more workers"
        )
    limit_ms = max(MAX_SCHEDULE_LAG_MS, MAX_SCHEDULE_LAG_RATIO * (figures.latency_ms.p99 or 0.0))
    if generator.schedule_lag_p99_ms > limit_ms:
        reasons.append(
            f"messages went out {generator.schedule_lag_p99_ms:.2f} ms (p99) after they were due, the limit is "
            f"{limit_ms:.2f} ms; the generator is too busy: offer less, use more workers or free its core"
        )
    step_ns = max((cost.clock_step_ns for costs in measured.costs for cost in costs), default=0)
    if step_ns > MAX_CLOCK_STEP_NS:
        reasons.append(
            f"the system's clock was set by {step_ns / 1e6:.1f} ms in the window; "
            "stop time synchronisation from stepping it and run again"
        )
    return reasons


def _warnings(measured: Measured, figures: Figures, generator: Generator) -> list[str]:
    warnings = []
    p99_ms = figures.latency_ms.p99
    if generator.cpu_percent > MAX_BUSY_PERCENT:
        warnings.append(f"the generator's core was {generator.cpu_percent:.0f} % busy; see schedule and read lag")
    if p99_ms is not None and generator.arrival_uncertainty_p99_ms > MAX_UNCERTAINTY_RATIO * p99_ms:
        warnings.append(
            f"deliveries may have arrived up to {generator.arrival_uncertainty_p99_ms:.1f} ms (p99) earlier than "
            "recorded, as one read brought many; the latencies are upper bounds"
        )
    if generator.reads_without_timestamp:
        warnings.append(
            f"{generator.reads_without_timestamp} messages came without a receive time of the kernel (as with TLS "
            "or on macOS); the time of their read stands in for it"
        )
    if measured.clock_uncertainty_ns:
        warnings.append(
            f"workers on other machines: their clocks are known to {measured.clock_uncertainty_ns / 1e6:.2f} ms, "
            "and so is every latency between machines"
        )
    if figures.saturated:
        warnings.append("saturated: the messages in flight grew through the window, so latency depends on its length")
    if figures.foreign:
        warnings.append(f"{figures.foreign} stamped messages of the window were not this swarm's")
    return warnings
