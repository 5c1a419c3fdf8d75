"""Whether a step is valid: the reasons against it, each with its remedy, and warnings."""

from __future__ import annotations

from loadtest.ledger.aggregate import Figures
from loadtest.ledger.measured import Measured
from loadtest.ledger.percentile_support import may_support
from loadtest.ledger.result import Generator, wide_bracket_ms
from loadtest.ledger.validity_limits import (
    BUSY_PERCENT,
    MAX_BUSY_PERCENT,
    MAX_CLOCK_STEP_NS,
    MAX_NEGATIVE_RATIO,
    MAX_RESPONSE_RATIO,
    MAX_SCHEDULE_LAG_MS,
    MAX_SCHEDULE_LAG_RATIO,
    MIN_ATTEMPTED_RATIO,
)


def reasons(measured: Measured, figures: Figures, generator: Generator) -> list[str]:
    """Say why the figures are invalid and what to do; empty where they are valid."""
    planned, offered = figures.planned_messages, figures.offered_messages
    found = list(measured.problems)
    if measured.joined < measured.users:
        found.append(
            f"only {measured.joined} of {measured.users} users joined; see the failures, join more slowly (-r), "
            "and look at the server's limits and at open files (ulimit -n)"
        )
    if measured.stalled < measured.wanted_stalled:
        found.append(
            f"only {measured.stalled} of {measured.wanted_stalled} stalled users were in; "
            "see the failures, and the workers' logs where there are workers"
        )
    if not planned:
        found.append("nothing was due in the window; raise the rate (--room-rate, --user-rate) or --dwell")
    if offered < MIN_ATTEMPTED_RATIO * planned and not measured.rejoins:
        found.append(
            f"only {offered} of {planned} messages were sent; members fell out of the room or the "
            "generator could not keep up: see the failures, offer less or use more workers"
        )
    at_least = figures.latency_lower_ms or figures.latency_ms
    limit_ms = max(MAX_SCHEDULE_LAG_MS, MAX_SCHEDULE_LAG_RATIO * (at_least.p99 or at_least.p50 or 0.0))
    if generator.schedule_lag_p99_ms > limit_ms:
        found.append(
            f"messages went out {generator.schedule_lag_p99_ms:.2f} ms (p99) after they were due, the limit is "
            f"{limit_ms:.2f} ms; {_why_late(generator)}"
        )
    step_ns = max((cost.clock_step_ns for costs in measured.costs for cost in costs), default=0)
    if step_ns > MAX_CLOCK_STEP_NS:
        found.append(
            f"the system's clock was set by {step_ns / 1e6:.1f} ms in the window; "
            "stop time synchronisation from stepping it and run again"
        )
    if _are_clocks_wrong(measured, figures):
        found.append(
            f"{_negative(figures)}; the clocks of the machines, known to {_known_to(measured)}, differ by more than "
            "the latency: keep them in step (NTP, PTP), or run the workers on one machine"
        )
    return found


def warnings(measured: Measured, figures: Figures, generator: Generator) -> list[str]:
    """Say what to bear in mind when reading valid figures; empty where there is nothing."""
    found = []
    if generator.cpu_percent > MAX_BUSY_PERCENT:
        found.append(f"the generator's core was {generator.cpu_percent:.0f} % busy; see schedule and read lag")
    tail = "p99" if may_support(99, figures.offered_messages) else "p90"
    sent_ms, due_ms = getattr(figures.latency_ms, tail), getattr(figures.response_ms, tail)
    if sent_ms is not None and due_ms is not None and due_ms > MAX_RESPONSE_RATIO * sent_ms:
        found.append(
            f"{tail} from due is {due_ms:.2f} ms, from sending {sent_ms:.2f} ms: the generator sent late, so the load "
            "was not quite the planned one; quote the response time, or give the generator a core of its own"
        )
    if bracket_ms := wide_bracket_ms(figures, tail):
        found.append(
            f"{tail} lies between {bracket_ms[0]:.2f} and {bracket_ms[1]:.2f} ms: a read that brought several messages "
            "has one receive time; use more workers or fewer messages a second to narrow it"
        )
    if generator.reads_without_timestamp:
        found.append(
            f"{generator.reads_without_timestamp} messages came without a receive time of the kernel (as with TLS "
            "or on macOS); the time of their read stands in for it"
        )
    if measured.clock_uncertainty_ns:
        found.append(
            f"workers on other machines: their clocks are known to {_known_to(measured)}, "
            "and so is every latency between machines"
        )
    if figures.negative_latencies and not _are_clocks_wrong(measured, figures):
        found.append(f"{_negative(figures)}; the clocks of the machines differ by so much at least")
    if figures.corrupted:
        found.append(
            f"{figures.corrupted} deliveries came truncated or altered; they count as missing. Look at the server's "
            "limit on a message's length (--message-size is what the swarm sends)"
        )
    if figures.saturated:
        found.append(
            f"saturated: the deliveries under way grew by {100 * figures.backlog_growth:.0f} % of the offered rate, "
            "so latency depends on the window's length"
        )
    if figures.echoes:
        found.append(
            f"{figures.echoes} deliveries came back to their senders, where none is expected; leave out --no-echo"
        )
    if figures.misrouted:
        found.append(
            f"{figures.misrouted} deliveries reached members of another room than their senders': the server does not "
            "keep rooms apart"
        )
    if figures.foreign:
        found.append(f"{figures.foreign} stamped messages of the window were not this swarm's")
    return found


def _why_late(generator: Generator) -> str:
    used = f"the generator used {generator.cpu_percent:.0f} % of its core"
    if generator.cpu_percent > BUSY_PERCENT:
        return f"{used}: offer less, use more workers or free its core"
    return f"{used}, so something else had it: free the machine and run it again"


def _are_clocks_wrong(measured: Measured, figures: Figures) -> bool:
    """Tell whether negative latencies are too many, or lower than what is known of the clocks allows."""
    too_many = figures.negative_latencies > MAX_NEGATIVE_RATIO * figures.delivered
    return too_many or -figures.lowest_latency_ns > measured.clock_uncertainty_ns + MAX_CLOCK_STEP_NS


def _negative(figures: Figures) -> str:
    count, lowest_ms = figures.negative_latencies, -figures.lowest_latency_ns / 1e6
    return f"{count} of {figures.delivered} deliveries arrived before they were sent, by up to {lowest_ms:.2f} ms"


def _known_to(measured: Measured) -> str:
    return f"{measured.clock_uncertainty_ns / 1e6:.2f} ms"
