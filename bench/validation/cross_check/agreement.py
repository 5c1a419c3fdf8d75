"""What a generator claims, set beside what the witnesses saw of the same messages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from bench.validation.cross_check.observation import Observation, share, spread

TOLERANCE_SHARE = 0.1
TOLERANCE_MS = 0.5


class Window(msgspec.Struct, frozen=True):
    """Messages due in [start_ns, end_ns) that had until `drain_end_ns` to arrive; CLOCK_REALTIME nanoseconds."""

    start_ns: int
    end_ns: int
    drain_end_ns: int


class Figures(msgspec.Struct, frozen=True):
    """Deliveries of a window's messages to some of the room's members, and their latency from sending.

    Percentiles are over all that was `expected`; `None` is one that falls among missing deliveries.
    """

    expected: int
    delivered: int
    p50_ms: float | None
    p99_ms: float | None


class Claim(msgspec.Struct, frozen=True):
    """What a generator says of its window.

    `messages` is how many it sent. `uncertainty_ms` is how far its latencies may be off, p99. `problems` says why it
    may not be believed by its own account, `remarks` what to know when reading its figures.
    """

    generator: str
    window: Window
    messages: int
    figures: Figures
    uncertainty_ms: float
    problems: list[str] = []
    remarks: list[str] = []


class Opinion(msgspec.Struct, frozen=True):
    """A claim, and the witnesses' figures of the same window."""

    room_rate: float
    deliveries_per_s: float
    claim: Claim
    witnessed: Figures
    problems: list[str]
    remarks: list[str]

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against the claim and both percentiles agree."""
        claimed, seen = self.claim.figures, self.witnessed
        return not self.problems and agree(claimed.p50_ms, seen.p50_ms) and agree(claimed.p99_ms, seen.p99_ms)


def agree(claimed_ms: float | None, seen_ms: float | None) -> bool:
    """Tell whether a claim is within the larger of 10 % and 0.5 ms of what was seen; *never* agrees with *never*."""
    if claimed_ms is None or seen_ms is None:
        return claimed_ms is seen_ms
    return abs(claimed_ms - seen_ms) <= max(TOLERANCE_SHARE * seen_ms, TOLERANCE_MS)


def compare(claim: Claim, observation: Observation, users: int, witnesses: int, room_rate: float) -> Opinion:
    """Set a claim on a room of `users` beside the observation of the `witnesses` that were to join it."""
    window = claim.window
    due = (observation.due_ns >= window.start_ns) & (observation.due_ns < window.end_ns)
    message = np.stack([observation.sender, observation.seq])[:, due]
    messages_seen = np.unique(message, axis=1).shape[1]
    pair = np.vstack([observation.witness[due], message])
    _, first = np.unique(pair, axis=1, return_index=True)
    arrival_ns, sent_ns = observation.arrival_ns[due][first], observation.sent_ns[due][first]
    in_time = arrival_ns <= window.drain_end_ns
    latency_ms = ((arrival_ns - sent_ns)[in_time] / 1e6).tolist()
    expected = claim.messages * witnesses
    seconds = (window.end_ns - window.start_ns) / 1e9
    return Opinion(
        room_rate=room_rate,
        deliveries_per_s=claim.messages * (users + witnesses) / seconds,
        claim=claim,
        witnessed=Figures(
            expected=expected,
            delivered=len(latency_ms),
            p50_ms=percentile(latency_ms, expected, 0.50),
            p99_ms=percentile(latency_ms, expected, 0.99),
        ),
        problems=[*claim.problems, *_problems(claim, observation, witnesses, messages_seen)],
        remarks=[*claim.remarks, *_remarks(observation, users, witnesses, copies=pair.shape[1] - len(first))],
    )


def percentile(values: Sequence[float], expected: int, share: float) -> float | None:
    """Return the smallest value that `share` of what was expected does not exceed; `None` if so much never came."""
    rank = max(1, int(np.ceil(share * expected)))
    return sorted(values)[rank - 1] if rank <= len(values) else None


def _problems(claim: Claim, observation: Observation, witnesses: int, messages_seen: int) -> list[str]:
    """Say what keeps the two from being comparable."""
    problems = []
    in_time = int((observation.joined_ns < claim.window.start_ns).sum())
    if in_time < witnesses:
        problems.append(
            f"only {in_time} of {witnesses} witnesses were in the room when the window began; "
            "see the server's limits and open files, or join more slowly (--join-rate)"
        )
    if messages_seen > claim.messages:
        problems.append(
            f"the witnesses saw {messages_seen} messages of the window, the generator says it sent {claim.messages}"
        )
    return problems


def _remarks(observation: Observation, users: int, witnesses: int, copies: int) -> list[str]:
    """Say what to know when reading the figures."""
    remarks = []
    seats = np.array(spread(users, witnesses))[: len(observation.joined_after)]
    off = int(np.abs(observation.joined_after - seats).max(initial=0))
    if off > share(users, witnesses):
        remarks.append(f"a witness joined {off} members away from its seat; join more slowly (--join-rate)")
    if by_reading := int((observation.from_kernel == 0).sum()):
        remarks.append(f"{by_reading} messages reached the witnesses without a receive time of the kernel")
    if copies:
        remarks.append(f"the witnesses got {copies} messages more than once; the first copy counts")
    return remarks
