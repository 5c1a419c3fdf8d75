"""Turns the windows of one user count into a `Step`."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.ledger import validity
from loadtest.ledger.aggregate import Figures
from loadtest.ledger.handover import Cost
from loadtest.ledger.measured import Measured
from loadtest.ledger.result import Generator, Step, WindowFigures, shared_fields


def to_step(measured: Measured, figures: Figures) -> Step:
    """Sum up a user count and judge whether its figures are valid; windows without figures are left out."""
    windows = sorted(measured.windows[: figures.windows], key=lambda window: window.start_ns)
    costs = measured.costs[: figures.windows]
    window_s = sum(window.end_ns - window.start_ns for window in windows) / 1e9
    arrived = _first_copies(figures, sum(cost.arrived_in_window for each in costs for cost in each))
    generator = _generator(figures, costs, arrived)
    reasons = validity.reasons(measured, figures, generator)
    return Step(
        **shared_fields(WindowFigures, figures),
        users=measured.users,
        joined=measured.joined,
        rooms=measured.rooms,
        stalled=measured.stalled,
        valid=not reasons,
        reasons=reasons,
        warnings=validity.warnings(measured, figures, generator),
        windows=figures.windows,
        window_s=window_s,
        window_start_ns=windows[0].start_ns,
        window_end_ns=windows[-1].end_ns,
        drain_end_ns=windows[-1].drain_end_ns,
        drained=measured.is_complete and not figures.outstanding,
        arrived_in_window=arrived,
        deliveries_per_s=arrived / window_s,
        generator=generator,
        histogram=figures.histogram,
        timeline=figures.timeline,
    )


def _first_copies(figures: Figures, copies: int) -> int:
    """Return how many of the copies that arrived are first ones: a server gains nothing by sending everything twice."""
    judged = figures.delivered + figures.duplicates
    return round(copies * figures.delivered / judged) if figures.duplicates else copies


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
