"""Whether a generator's result agrees with what observers measured of the same messages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from bench.validation.cross_check.observation import Observation, join_positions, join_spacing

TOLERANCE_SHARE = 0.1
TOLERANCE_MS = 0.5


class Window(msgspec.Struct, frozen=True):
    """Messages due in [start_ns, end_ns) that had until `drain_end_ns` to arrive; CLOCK_REALTIME nanoseconds."""

    start_ns: int
    end_ns: int
    drain_end_ns: int


class Figures(msgspec.Struct, frozen=True):
    """Deliveries of a window's messages to some of the room's members, and their latency from sending.

    Percentiles are over all that was `expected`; `None` is one that falls among missing deliveries. `p50_low_ms` and
    `p99_low_ms` are of the lower bounds of the arrivals, `None` where arrivals are known exactly.
    """

    expected: int
    delivered: int
    p50_ms: float | None
    p99_ms: float | None
    p50_low_ms: float | None = None
    p99_low_ms: float | None = None


class GeneratorResult(msgspec.Struct, frozen=True):
    """What a generator reports of its window.

    `messages` is how many it sent. `uncertainty_ms` is the p99 of the error that its latencies may have. `problems` are
    the reasons for which the generator itself calls its figures invalid, `remarks` what to know when reading them.
    """

    generator: str
    window: Window
    messages: int
    figures: Figures
    uncertainty_ms: float
    problems: list[str] = []
    remarks: list[str] = []


class CrossCheck(msgspec.Struct, frozen=True):
    """A generator's result, and what the observers measured in the same window.

    In stored files, `reported` is `claim` and `observed` is `witnessed`.
    """

    room_rate: float
    deliveries_per_s: float
    reported: GeneratorResult = msgspec.field(name="claim")
    observed: Figures = msgspec.field(name="witnessed")
    problems: list[str]
    remarks: list[str]

    @property
    def agrees(self) -> bool:
        """Whether there are no problems and both percentiles agree."""
        reported, observed = self.reported.figures, self.observed
        p50_agrees = agree(reported.p50_ms, observed.p50_ms, reported.p50_low_ms)
        return not self.problems and p50_agrees and agree(reported.p99_ms, observed.p99_ms, reported.p99_low_ms)


def agree(reported_ms: float | None, observed_ms: float | None, low_ms: float | None = None) -> bool:
    """Tell whether a figure agrees with the observed one; *never* equals *never*.

    It does if the observed one is not further from the bracket, from `low_ms` to `reported_ms`, than the larger of 10 %
    and 0.5 ms.
    """
    if reported_ms is None or observed_ms is None:
        return reported_ms is observed_ms
    tolerance_ms = max(TOLERANCE_SHARE * observed_ms, TOLERANCE_MS)
    least_ms = reported_ms if low_ms is None else min(low_ms, reported_ms)
    return least_ms - tolerance_ms <= observed_ms <= reported_ms + tolerance_ms


def compare(
    result: GeneratorResult, observation: Observation, users: int, observers: int, room_rate: float
) -> CrossCheck:
    """Compare a generator's result in a room of `users` with what `observers` in the same room saw."""
    window = result.window
    due = (observation.due_ns >= window.start_ns) & (observation.due_ns < window.end_ns)
    message = np.stack([observation.sender, observation.seq])[:, due]
    messages_seen = np.unique(message, axis=1).shape[1]
    pair = np.vstack([observation.observer[due], message])
    _, first = np.unique(pair, axis=1, return_index=True)
    arrival_ns, sent_ns = observation.arrival_ns[due][first], observation.sent_ns[due][first]
    in_time = arrival_ns <= window.drain_end_ns
    latency_ms = ((arrival_ns - sent_ns)[in_time] / 1e6).tolist()
    expected = result.messages * observers
    seconds = (window.end_ns - window.start_ns) / 1e9
    return CrossCheck(
        room_rate=room_rate,
        deliveries_per_s=result.messages * (users + observers) / seconds,
        reported=result,
        observed=Figures(
            expected=expected,
            delivered=len(latency_ms),
            p50_ms=percentile(latency_ms, expected, 0.50),
            p99_ms=percentile(latency_ms, expected, 0.99),
        ),
        problems=[*result.problems, *_problems(result, observation, observers, messages_seen)],
        remarks=[*result.remarks, *_remarks(observation, users, observers, copies=pair.shape[1] - len(first))],
    )


def percentile(values: Sequence[float], expected: int, share: float) -> float | None:
    """Return the smallest value that `share` of all expected ones do not exceed; `None` if fewer than that came."""
    rank = max(1, int(np.ceil(share * expected)))
    return sorted(values)[rank - 1] if rank <= len(values) else None


def _problems(result: GeneratorResult, observation: Observation, observers: int, messages_seen: int) -> list[str]:
    """Say what keeps the two from being comparable."""
    problems = []
    in_time = int((observation.joined_ns < result.window.start_ns).sum())
    if in_time < observers:
        problems.append(
            f"only {in_time} of {observers} observers were in the room when the window began; "
            "see the server's limits and open files, or join more slowly (--join-rate)"
        )
    if messages_seen > result.messages:
        problems.append(
            f"the observers saw {messages_seen} messages of the window, the generator says it sent {result.messages}"
        )
    return problems


def _remarks(observation: Observation, users: int, observers: int, copies: int) -> list[str]:
    """Say what to know when reading the figures."""
    remarks = []
    positions = np.array(join_positions(users, observers))[: len(observation.joined_after)]
    off = int(np.abs(observation.joined_after - positions).max(initial=0))
    if off > join_spacing(users, observers):
        remarks.append(f"an observer joined {off} members away from its position; join more slowly (--join-rate)")
    if by_reading := int((observation.from_kernel == 0).sum()):
        remarks.append(f"{by_reading} messages reached the observers without a receive time of the kernel")
    if copies:
        remarks.append(f"the observers got {copies} messages more than once; the first copy counts")
    return remarks
