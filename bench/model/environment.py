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
