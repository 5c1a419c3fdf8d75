"""The machine, the versions and the limits that a campaign was made under."""

from __future__ import annotations

import msgspec

from bench.model.finding import Finding


class Pinning(msgspec.Struct, frozen=True):
    """The cores that the server and the swarm are bound to; both empty where they are not."""

    server_cores: tuple[int, ...] = ()
    swarm_cores: tuple[int, ...] = ()


class Commit(msgspec.Struct, frozen=True):
    """The git commit of this tool; `dirty` if files differed from it."""

    id: str
    dirty: bool


class Yardstick(msgspec.Struct, frozen=True):
    """How fast the cores of a run are, in microseconds: costs are quoted as multiples of it, too.

    `loopback_send_us` is one `send` of 128 bytes on a TCP connection of 127.0.0.1, from the server's core to a receiver
    that sleeps on the swarm's, and so has its wake-up in it. `interpreter_loop_us` is a loop of 1,000 iterations in
    pure Python on the server's core. Both are the first decile of many.
    """

    loopback_send_us: float
    interpreter_loop_us: float

    def times_slower_than(self, other: Yardstick) -> float:
        """Return how many times as long as `other` this takes, by that of the two which tells more."""
        ratios = (
            self.loopback_send_us / other.loopback_send_us,
            self.interpreter_loop_us / other.interpreter_loop_us,
        )
        return max(ratios, key=lambda ratio: max(ratio, 1 / ratio))


class Environment(msgspec.Struct, frozen=True):
    """What decides whether figures of two campaigns are comparable; names no host and no folder."""

    time: str
    cpu: str
    cores: int
    memory_mib: int
    system: str
    python: str
    versions: dict[str, str]
    open_files_limit: int
    pinning: Pinning
    commit: Commit | None
    findings: tuple[Finding, ...] = ()
    """What the doctor found before the campaign; older results have none."""
    yardstick: Yardstick | None = None
    """Measured right before the campaign; older results have none."""
