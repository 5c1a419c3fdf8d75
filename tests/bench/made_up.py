"""Steps, runs and summaries with figures that no machine produced."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from bench.analysis.cells import summarise
from bench.model.environment import Environment, Pinning
from bench.model.plan import Plan, Trial, Workload, make_plan
from bench.model.run import Failure, Run, ServerSample
from bench.model.summary import Summary
from loadtest.ledger.aggregate import new_histogram
from loadtest.ledger.result import HIGHEST_US, Generator, Latency, MedianAndTail, Second, Step, SwarmResult

SECOND = 10**9
START_NS = 1_800_000_000 * SECOND
USERS = (50, 100, 200, 400, 800)
SATURATES_AT = {"direct": 95_000, "queue": 80_000, "gather": 30_000, "coalesced": 1_000_000}

ENVIRONMENT = Environment(
    time="2026-01-31T12:00:00+00:00",
    cpu="Example CPU 3.0 GHz",
    cores=2,
    memory_mib=4096,
    system="Linux 6.1.0",
    python="CPython 3.11.7",
    versions={"uvicorn": "0.54.0", "websockets": "17.4", "locust": "2.47.0"},
    open_files_limit=65536,
    pinning=Pinning((0,), (1,)),
    commit=None,
)


def workload(users: Sequence[int] = USERS) -> Workload:
    return Workload(
        users=tuple(users),
        room_rate=100,
        message_size=64,
        arrival="constant",
        duration_s=5,
        warmup_s=2,
        drain_s=5,
        join_rate=500,
        notice_limit=200,
    )


def latency(p50: float, *, missing: float = 0) -> Latency:
    """Percentiles around `p50`; those among the `missing` share are `None`."""
    shares = {0.5: p50, 0.9: 2 * p50, 0.99: 4 * p50, 0.999: 8 * p50, 1.0: 10 * p50}
    values = [None if missing and share > 1 - missing else value for share, value in shares.items()]
    return Latency(*values)


def step(
    users: int,
    *,
    p50: float = 2.0,
    missing: int = 0,
    reasons: Sequence[str] = (),
    start_ns: int = START_NS,
    rate_factor: float = 1.0,
    seconds: int = 5,
) -> Step:
    """Make a window at 100 messages/s in which `missing` of the expected deliveries never came."""
    messages = 100 * seconds
    expected = messages * users
    arrived = round((expected - missing) * rate_factor)
    percentiles = latency(p50, missing=missing / expected)
    return Step(
        users=users,
        joined=users,
        stalled=0,
        valid=not reasons,
        reasons=list(reasons),
        warnings=[],
        windows=1,
        window_s=float(seconds),
        window_start_ns=start_ns,
        window_end_ns=start_ns + seconds * SECOND,
        drain_end_ns=start_ns + (seconds + 1) * SECOND,
        drained=missing == 0,
        saturated=rate_factor < 1,
        planned_messages=messages,
        offered_messages=messages,
        expected=expected,
        delivered=expected - missing,
        missing=missing,
        late=0,
        duplicates=0,
        reordered=0,
        order_conflicts=0,
        foreign=0,
        not_judged=0,
        arrived_in_window=arrived,
        deliveries_per_s=arrived / seconds,
        latency_ms=percentiles,
        response_ms=percentiles,
        first_receiver_ms=MedianAndTail(percentiles.p50, percentiles.p50),
        last_receiver_ms=MedianAndTail(percentiles.p50, percentiles.p99),
        spread_ms=MedianAndTail(0.1, 0.2),
        position_ms=[MedianAndTail(percentiles.p50, percentiles.p99)] * 10,
        generator=Generator(0.1, 0.5, 1.0, 0.2, 0.1, 0.4, 8.0, 40.0, 90.0, 1.5, 0),
        histogram="",
        timeline=[],
    )


def with_details(made: Step, latencies_us: Sequence[int], missing: int = 0) -> Step:
    """Give a step a histogram of these latencies and a timeline of two seconds, the second with an infinite p99."""
    histogram = new_histogram()
    for value in latencies_us:
        histogram.record_value(value)
    if missing:
        histogram.record_value(HIGHEST_US, missing)
    timeline = [
        Second(START_NS, 100, 5_000, 5_000, 1.5, 2.5, 3.5),
        Second(START_NS + SECOND, 100, 5_000, 4_000, 1.5, None, None),
    ]
    return msgspec.structs.replace(made, histogram=histogram.encode().decode(), timeline=timeline)


def samples(seconds: float = 10, cpu_share: float = 0.5) -> list[ServerSample]:
    """Sample every 0.1 s from one second before the first window, at an even use of CPU."""
    return [
        ServerSample(START_NS + (tenth - 10) * SECOND // 10, tenth / 10 * cpu_share, 50 * 2**20)
        for tenth in range(round(seconds * 10) + 1)
    ]


def run(
    trial: Trial,
    steps: Sequence[Step] | None,
    *,
    not_measured: Sequence[int] = (),
    failure: str | None = None,
    server_ended: str | None = None,
    problems: Sequence[str] = (),
) -> Run:
    return Run(
        trial=trial,
        swarm=None
        if steps is None
        else SwarmResult(
            format=1, workers=1, steps=list(steps), not_measured=list(not_measured), problems=list(problems)
        ),
        samples=samples(max((one.window_s + 5 for one in steps or []), default=10)),
        stats_before=None,
        stats_after=None,
        server_ended=server_ended,
        failure=Failure(failure) if failure else None,
    )


def plan(strategies: Sequence[str] = ("direct",), users: Sequence[int] = USERS, blocks: int = 1) -> Plan:
    return make_plan(workload(users), strategies, blocks, slo_ms=50, seed=1)


def typical_step(strategy: str, users: int, block: int = 1) -> Step:
    """Make a step as a real server of `strategy` might give: slow from some rate on, then losing deliveries."""
    load = users * 100 / SATURATES_AT[strategy]
    p50 = (0.6 + users / 300) * (1 + 0.07 * block) / max(0.08, 1 - load) ** 1.2
    if load <= 1:
        return step(users, p50=p50, seconds=10)
    lost = round(1_000 * users * (1 - 1 / load) * 0.6)
    return step(users, p50=p50 * math.sqrt(load), missing=lost, rate_factor=0.9, seconds=10)


def typical_summary(strategies: Sequence[str] = ("direct", "queue", "gather"), blocks: int = 1) -> Summary:
    """Make a campaign in which every sweep ends with the first step that loses deliveries."""
    made = plan(strategies, blocks=blocks)
    runs = []
    for trial in made.trials:
        steps: list[Step] = []
        for users in USERS:
            steps.append(typical_step(trial.arm.strategy, users, trial.block))
            if steps[-1].missing:
                break
        runs.append(run(trial, steps, not_measured=USERS[len(steps) :]))
    return summarise(made, ENVIRONMENT, runs)
