"""Where the figures of a chart come from: the load, the machine, the versions and the commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bench.model.environment import Environment
from bench.model.plan import Workload
from bench.model.summary import Summary
from bench.presentation.text import arrivals, counted, in_rooms


@dataclass(frozen=True)
class Provenance:
    """What every chart says of its origin; `labels` name the lines, `load` describes what every server was under."""

    labels: tuple[str, ...]
    load: str
    environment: Environment

    @classmethod
    def of_campaign(cls, summary: Summary) -> Self:
        """Return the origin of a campaign's figures."""
        plan = summary.plan
        labels = tuple(arm.label for arm in plan.arms)
        return cls(labels, room_load(plan.workload, plan.blocks, plan.rooms), summary.environment)

    def lines(self) -> list[str]:
        """Return the lines of a chart's footer."""
        environment, pinning, commit = self.environment, self.environment.pinning, self.environment.commit
        pinned = f"server on core {pinning.server_cores[0]}" if pinning.server_cores else "not pinned"
        machine = f"{environment.cpu}, {environment.cores} cores, {environment.system}, {pinned}"
        versions = [f"{name} {environment.versions[name]}" for name in ("uvicorn", "websockets", "locust")]
        tool = f"commit {commit.id[:10]}{' (changed)' if commit.dirty else ''}" if commit else "no commit"
        return [
            f"{self.load}. {machine}.",
            f"{environment.python}, {', '.join(versions)}. chatroom-bench, {tool}, {environment.time[:10]}.",
        ]


def room_load(workload: Workload, blocks: int, rooms: Sequence[int]) -> str:
    """Write the load of a campaign on each room."""
    return (
        f"{workload.room_rate:g} messages/s ({arrivals(workload.arrival)}) of {workload.message_size} B "
        f"{in_rooms(rooms)}{'' if max(rooms) == 1 else ', each'}, windows of {workload.duration_s:g} s and about "
        f"{workload.room_rate * workload.duration_s:,.0f} messages{'' if max(rooms) == 1 else ' a room'}, "
        f"{counted(blocks, 'block')}"
    )
