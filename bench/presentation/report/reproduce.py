"""The section of a report that says how to reproduce its figures."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import msgspec

from bench.model.environment import Environment
from bench.model.plan import Arm, Plan, Workload
from bench.presentation.report.page import Section


def compare_command(plan: Plan) -> str:
    """Return the command that makes this plan, with every flag, so that no later default changes it."""
    ours = [arm for arm in plan.arms if arm.is_ours and arm.rooms == plan.arms[0].rooms]
    revisions = [arm.revision for arm in ours if arm.revision is not None and arm.strategy == ours[0].strategy]
    strategies = [arm.strategy for arm in ours]
    flags = {
        "strategies": ",".join(strategies[:: len(revisions) or 1]) or "none",
        **workload_flags(plan.workload),
        "rooms": ",".join(map(str, plan.rooms)),
        "blocks": str(plan.blocks),
        "slo-ms": plain(plan.slo_ms),
        "seed": str(plan.seed),
        "retries": str(plan.retries),
    }
    return command(
        "compare", flags, *peer_words(plan.arms), *(word for commit in revisions for word in ("--revision", commit))
    )


def peer_words(arms: Iterable[Arm]) -> list[str]:
    """Return the flags that name the servers of others among arms."""
    peers = {arm.strategy: arm for arm in arms if not arm.is_ours}.values()
    words = [word for arm in peers if arm.command for word in ("--rival", f"{arm.strategy}={arm.command}")]
    return words + [word for arm in peers if arm.target for word in ("--target", arm.target.file)]


def workload_flags(workload: Workload) -> dict[str, str]:
    """Return the flags that make this workload: `duration_s` is `--duration`."""
    return {
        name.removesuffix("_s").replace("_", "-"): ",".join(map(str, value))
        if isinstance(value, tuple)
        else plain(value)
        for name, value in msgspec.structs.asdict(workload).items()
    }


def plain(value: object) -> str:
    """Write a flag's value, whole numbers without a fraction."""
    return str(value).removesuffix(".0")


def command(subcommand: str, flags: dict[str, str], *arguments: str) -> str:
    """Write a command line of the bench."""
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    return shlex.join(["python", "-m", "bench", subcommand, *arguments, *words])


def reproduce_section(command_line: str, environment: Environment) -> Section:
    """Say how to run a command again, on the commit it was run on."""
    commit = environment.commit
    paragraphs = ["On the same kind of machine, in a checkout of this tool:"]
    if commit and commit.dirty:
        paragraphs.append("The tool had uncommitted changes, so the commit alone may not give the same figures.")
    checkout = [f"git checkout {commit.id}"] if commit else []
    return Section("How to reproduce", paragraphs, commands=[*checkout, "pip install -e .", command_line])
