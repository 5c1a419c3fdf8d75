"""What a campaign runs, and in which order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from bench.model.revision import Revision
from bench.model.target import Target

SETTLE_S = 2.5  # quiet before a warm-up, a drain that ends early, a second for late copies: for estimates only
START_S = 3.0  # a server's and a swarm's start: for estimates only


class Workload(msgspec.Struct, frozen=True):
    """The load that every strategy gets: rates a second, sizes in bytes of text, times in seconds.

    The users are dealt out to `rooms` rooms, each of which is offered `room_rate` messages a second.
    """

    users: tuple[int, ...]
    room_rate: float
    message_size: int
    arrival: str
    duration_s: float
    warmup_s: float
    drain_s: float
    join_rate: float
    notice_limit: int
    swarm_workers: int = 1
    rooms: int = 1

    @property
    def messages_per_s(self) -> float:
        """The messages a second of all rooms together."""
        return self.rooms * self.room_rate

    def step_seconds(self) -> list[float]:
        """Estimate how long each user count takes."""
        joins = [after - before for before, after in zip((0, *self.users), self.users, strict=False)]
        return [n / self.join_rate + self.warmup_s + self.duration_s + SETTLE_S for n in joins]

    def trial_seconds(self) -> float:
        """Estimate how long a whole sweep takes, the start of its processes included."""
        return START_S + sum(self.step_seconds())


class Endpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a user joins a peer: where, `{user}` being its name, with which headers, and whether it hears itself."""

    url_path: str = "/chat?user_id={user}"
    headers: tuple[str, ...] = ()
    subprotocol: str = ""
    has_echo: bool = True


OUR_ENDPOINT = Endpoint()


class Arm(msgspec.Struct, frozen=True, omit_defaults=True):
    """One side of the comparison: a strategy under the label that results show.

    A peer (another server) has the `command` that starts it, its own name as its strategy, and its `endpoint`.
    `revision` is the id of the commit whose server is run; without one it is the server beside this tool. A `target` is
    a server that a file describes. `rooms` replaces the number of rooms of the workload, unless it is 0.
    """

    label: str
    strategy: str
    command: str | None = None
    revision: str | None = None
    endpoint: Endpoint = OUR_ENDPOINT
    target: Target | None = None
    rooms: int = 0

    @property
    def has_echo(self) -> bool:
        """Whether a message comes back to its sender."""
        return self.target.has_echo if self.target else self.endpoint.has_echo

    @property
    def is_ours(self) -> bool:
        """Whether it is a server of this project, which tells more than others do."""
        return self.command is None and self.target is None


class Trial(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fresh server under one swarm that sweeps all user counts.

    An `attempt` above 1 measures only `users`, again, because they were invalid.
    """

    block: int
    arm: Arm
    seed: int
    attempt: int = 1
    users: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The stem of this trial's file names."""
        again = f"-{self.users[0]}" if self.attempt > 1 else ""
        return attempt_name(self.block, self.arm.label, self.attempt) + again

    def workload_in(self, campaign: Workload) -> Workload:
        """Return the part of a campaign's workload that this trial has."""
        return msgspec.structs.replace(
            campaign, users=self.users or campaign.users, rooms=self.arm.rooms or campaign.rooms
        )


def first_attempt(trial: Trial) -> Trial:
    """Return the trial of the plan that this one is, or of which it measures some user counts again."""
    return msgspec.structs.replace(trial, attempt=1, users=())


def attempt_name(block: int, label: str, attempt: int) -> str:
    """Return how names of files begin that belong to an attempt: without a number, if it is the first."""
    return f"block{block}-{label}" + (f".attempt{attempt}" if attempt > 1 else "")


class Plan(msgspec.Struct, frozen=True):
    """A whole campaign; `slo_ms` is the SLO for the p99 of the delivery latency.

    An invalid cell is measured again up to `retries` times.
    """

    workload: Workload
    arms: tuple[Arm, ...]
    blocks: int
    slo_ms: float
    seed: int
    trials: tuple[Trial, ...]
    retries: int = 0

    @property
    def rooms(self) -> tuple[int, ...]:
        """The numbers of rooms that are compared, or the one that all have."""
        return tuple(dict.fromkeys(arm.rooms or self.workload.rooms for arm in self.arms))


def make_plan(
    workload: Workload,
    strategies: Sequence[str],
    blocks: int,
    slo_ms: float,
    seed: int,
    peers: Sequence[Arm] = (),
    revisions: Sequence[Revision] = (),
    retries: int = 0,
    rooms: Sequence[int] = (),
) -> Plan:
    """Order the trials: each block runs every arm once, in an order of its own drawn from `seed`.

    All trials of a block share one swarm seed, so that its arms meet the same schedule. `peers` are the arms of other
    servers. With `revisions` every strategy is run once at each of them, with `rooms` every arm with each number of
    rooms.
    """
    arms = _in_rooms((*_arms(strategies, revisions), *peers), rooms)
    order = random.Random(seed)
    trials = tuple(
        Trial(block, arm, seed + block) for block in range(1, blocks + 1) for arm in order.sample(arms, k=len(arms))
    )
    return Plan(workload, arms, blocks, slo_ms, seed, trials, retries)


def peer_arms(commands: Mapping[str, str], endpoint: Endpoint = OUR_ENDPOINT) -> list[Arm]:
    """Return an arm for each command, by its name, all joined at `endpoint`."""
    return [Arm(name, name, command, endpoint=endpoint) for name, command in commands.items()]


def _in_rooms(arms: tuple[Arm, ...], rooms: Sequence[int]) -> tuple[Arm, ...]:
    """Return each arm once with each number of rooms, labelled as `direct-10-rooms`; without any as they are."""
    return (
        tuple(
            msgspec.structs.replace(arm, label=f"{arm.label}-{count}-room{'s' * (count > 1)}", rooms=count)
            for arm in arms
            for count in rooms
        )
        or arms
    )


def _arms(strategies: Sequence[str], revisions: Sequence[Revision]) -> tuple[Arm, ...]:
    """Label each strategy, at each revision as `direct@main`; equal labels are told apart as `direct#1`, `direct#2`."""
    arms = [Arm(strategy, strategy) for strategy in strategies]
    if revisions:
        arms = [
            Arm(f"{arm.label}@{revision.name}", arm.strategy, revision=revision.commit)
            for arm in arms
            for revision in revisions
        ]
    total, seen = Counter(arm.label for arm in arms), Counter[str]()
    for position, arm in enumerate(arms):
        if total[arm.label] > 1:
            seen[arm.label] += 1
            arms[position] = msgspec.structs.replace(arm, label=f"{arm.label}#{seen[arm.label]}")
    return tuple(arms)
