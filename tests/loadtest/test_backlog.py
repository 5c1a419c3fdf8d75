"""Saturation against simulated FIFO servers (M/D/1 and D/D/1 queues), and against what is none: loss, bursts, kicks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from loadtest.ledger.aggregate import Aggregate
from loadtest.ledger.backlog import Room, backlog_growth
from loadtest.ledger.ledger import Judgement, judge
from loadtest.ledger.records import NEVER, Deliveries, Integers, Members, Sends, Window
from loadtest.ledger.validity_limits import MAX_BACKLOG_GROWTH

RATE = 100.0
DRAIN_S = 5.0
MEMBERS = 4
WARMUP_AND_WINDOW_S = [(2, 4), (2, 5), (3, 5), (5, 10)]
SEEDS = range(60)


class Run:
    """A room with a FIFO server that serves `capacity` times the offered rate, from an empty queue at the warm-up."""

    def __init__(self, capacity: float, warmup_s: float, window_s: float, seed: int | None, rate: float = RATE) -> None:
        """Simulate one run; Poisson arrivals with a seed, evenly spaced ones without."""
        length_s = warmup_s + window_s
        if seed is None:
            sent_s = np.arange(int(rate * length_s)) / rate
        else:
            gaps_s = np.random.default_rng(seed).exponential(1 / rate, int(2 * rate * length_s))
            sent_s = np.cumsum(gaps_s)
            sent_s = sent_s[sent_s < length_s]
        service_s = 1 / (capacity * rate)
        number = np.arange(len(sent_s))
        done_s = np.maximum.accumulate(sent_s - number * service_s) + (number + 1) * service_s
        is_in_window = sent_s >= warmup_s
        self.sent_ns = (sent_s[is_in_window] * 1e9).astype(np.int64)
        done_ns = (done_s[is_in_window] * 1e9).astype(np.int64)
        self.arrival = done_ns[:, None] + np.arange(MEMBERS) * 10_000
        start_ns, end_ns = int(warmup_s * 1e9), int(length_s * 1e9)
        self.window = Window(start_ns, end_ns, end_ns + int(DRAIN_S * 1e9), 0)

    @property
    def growth(self) -> float:
        """The statistic under test."""
        arrival = np.where(self.arrival <= self.window.drain_end_ns, self.arrival, NEVER)
        return backlog_growth(self.window, [Room(self.sends, np.ones(arrival.shape, np.bool_), arrival)])

    @property
    def sends(self) -> Sends:
        """All messages, of one sender."""
        return Sends(np.zeros_like(self.sent_ns), np.arange(len(self.sent_ns)), self.sent_ns, self.sent_ns)

    def judged(self, floor_ns: Integers | None = None) -> Judgement:
        """Judge it as the swarm does; `floor_ns` are the earliest possible arrivals, if they are not the arrivals."""
        message, member = (index.ravel() for index in np.indices(self.arrival.shape))
        arrival = self.arrival.ravel()
        rows = (
            member,
            np.zeros_like(message),
            message,
            self.sent_ns[message],
            arrival,
            arrival if floor_ns is None else floor_ns.ravel(),
            arrival,
            np.zeros_like(message),
        )
        came = arrival != NEVER
        zeros = np.zeros(MEMBERS, np.int64)
        return judge(
            self.window,
            Members(np.arange(MEMBERS), zeros, np.full(MEMBERS, NEVER), zeros),
            self.sends,
            Deliveries(*(column[came].astype(np.int64) for column in rows)),
        )


def flagged(capacity: float, warmup_s: float, window_s: float) -> float:
    """Return the share of Poisson runs that are saturated."""
    return float(np.mean([Run(capacity, warmup_s, window_s, seed).growth > MAX_BACKLOG_GROWTH for seed in SEEDS]))


@pytest.mark.parametrize(("warmup_s", "window_s"), WARMUP_AND_WINDOW_S)
@pytest.mark.parametrize("capacity", [0.3, 0.5, 0.7, 0.9, 0.95])
def test_a_server_that_falls_behind_an_even_load_is_saturated(
    capacity: float, warmup_s: float, window_s: float
) -> None:
    run = Run(capacity, warmup_s, window_s, None)
    assert run.growth == pytest.approx(1 - capacity, abs=0.02)
    assert run.judged().backlog_growth == run.growth


@pytest.mark.parametrize(("warmup_s", "window_s"), WARMUP_AND_WINDOW_S)
@pytest.mark.parametrize(("capacity", "least"), [(0.3, 1.0), (0.5, 1.0), (0.7, 1.0), (0.9, 0.9), (0.95, 0.65)])
def test_a_server_that_falls_behind_a_poisson_load_is_saturated(
    capacity: float, least: float, warmup_s: float, window_s: float
) -> None:
    """At 95 % chance decides: the number of 500 Poisson messages varies by 4.5 % (a standard deviation)."""
    assert flagged(capacity, warmup_s, window_s) >= least


@pytest.mark.parametrize(("warmup_s", "window_s"), WARMUP_AND_WINDOW_S)
@pytest.mark.parametrize(("utilisation", "most"), [(0.5, 0.0), (0.7, 0.0), (0.8, 0.0), (0.9, 0.05)])
def test_poisson_bursts_that_are_worked_off_are_no_saturation(
    utilisation: float, most: float, warmup_s: float, window_s: float
) -> None:
    assert flagged(1 / utilisation, warmup_s, window_s) <= most


@pytest.mark.parametrize(("capacity", "growth"), [(0.1, 1.0), (0.2, 0.8), (0.25, 0.75)])
def test_what_is_still_under_way_after_the_drain_counts(capacity: float, growth: float) -> None:
    run = Run(capacity, 2, 4, None)
    assert (run.arrival > run.window.drain_end_ns).any()
    assert run.growth == pytest.approx(growth, abs=0.03)


def test_a_server_that_delivers_nothing_any_more_has_a_growing_backlog() -> None:
    run = Run(2, 0, 5, None)
    run.arrival[len(run.sent_ns) // 2 :] = NEVER
    assert run.growth > MAX_BACKLOG_GROWTH
    run.arrival[:] = NEVER
    assert run.growth == 1.0


@pytest.mark.parametrize("capacity", [0.05, 0.19, 0.5, 2])
def test_the_judge_can_report_any_window(capacity: float) -> None:
    """It is sent as MessagePack, which knows nothing of numpy's own numbers and truth values."""
    aggregate = Aggregate()
    aggregate.add(Run(capacity, 2, 4, None).judged())
    assert msgspec.msgpack.encode(aggregate.figures())


def lose_every_tenth_delivery(arrival: Integers) -> None:
    arrival.ravel()[::10] = NEVER


def lose_every_tenth_message(arrival: Integers) -> None:
    arrival[::10] = NEVER


def kick_a_member(arrival: Integers) -> None:
    arrival[len(arrival) // 2 :, 0] = NEVER


def freeze_for_a_second(arrival: Integers) -> None:
    arrival[200:300] = arrival[299]


@pytest.mark.parametrize(
    "fault", [lose_every_tenth_delivery, lose_every_tenth_message, kick_a_member, freeze_for_a_second]
)
def test_faults_without_a_growing_backlog_are_no_saturation(fault: object) -> None:
    run = Run(2, 2, 5, None)
    fault(run.arrival)  # type: ignore[operator]
    assert run.judged().backlog_growth <= 0.001


def test_a_growing_backlog_is_found_behind_losses_too() -> None:
    run = Run(0.9, 2, 5, None)
    lose_every_tenth_delivery(run.arrival)
    assert run.growth == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(("warmup_s", "window_s"), [(2, 4), (1, 10), (2, 10)])
@pytest.mark.parametrize("latency_ms", [50, 300, 1000])
@pytest.mark.parametrize("one_in", [8, 16])
@pytest.mark.parametrize("capacity", [0.3, 0.55, 0.7, 0.9])
def test_messages_that_overtake_the_others_hide_no_backlog(
    capacity: float, one_in: int, latency_ms: int, warmup_s: float, window_s: float
) -> None:
    """An event loop that is late serves some senders long before others, whose messages are older."""
    run = Run(capacity, warmup_s, window_s, 0)
    by_itself = run.growth
    overtakes = np.arange(len(run.sent_ns)) % one_in == 0
    run.arrival[overtakes] = np.minimum(run.arrival[overtakes], run.sent_ns[overtakes, None] + latency_ms * 1_000_000)
    assert run.growth > MAX_BACKLOG_GROWTH
    assert run.growth == pytest.approx(by_itself, abs=0.12)


@pytest.mark.parametrize("capacity", [0.5, 0.8])
def test_a_backlog_at_one_member_of_four_is_found(capacity: float) -> None:
    """One of several workers may be overloaded while the others are idle."""
    run = Run(capacity, 2, 10, None)
    run.arrival[:, 1:] = run.sent_ns[:, None] + 2_000_000
    assert run.growth == pytest.approx((1 - capacity) / MEMBERS, abs=0.04)


@pytest.mark.parametrize("latency_s", [0.1, 1.0, 3.0])
def test_a_high_latency_that_does_not_rise_is_no_saturation(latency_s: float) -> None:
    run = Run(2, 2, 10, 0)
    run.arrival += int(latency_s * 1e9)
    assert run.growth <= 0.002


def test_a_window_of_a_few_messages_is_not_judged() -> None:
    assert Run(0.5, 0, 5, None, rate=2).growth == 0.0


def test_a_swarm_that_reads_later_and_later_is_no_saturation_of_the_server() -> None:
    run = Run(1.5, 2, 5, seed=None)
    in_time = run.arrival.copy()
    run.arrival = run.arrival + (run.sent_ns - run.sent_ns[0])[:, None] // 5
    assert run.growth > MAX_BACKLOG_GROWTH
    assert run.judged().backlog_growth == run.growth, "known exactly: the server"
    assert run.judged(floor_ns=in_time).backlog_growth == 0
    behind = Run(0.9, 2, 5, seed=None)
    earlier = behind.arrival - 50_000_000
    assert behind.judged(floor_ns=earlier).backlog_growth == pytest.approx(behind.growth, rel=0.1)
