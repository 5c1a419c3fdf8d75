"""The servers of `bench/peers` that can run on this machine: the stacks that are compared with ours."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.errors import TargetError, TrialError
from bench.execution.environments import prepare, program_versions
from bench.model.target import Target
from bench.storage.checkout import PEERS
from bench.storage.target_file import read_target

DEPLOYMENTS = "deployments"
"""The folder of ours behind something else, which are no other stacks."""


def stacks_here(tell: Callable[[str], None]) -> list[Target]:
    """Return the targets of all stacks that can run here, and make their environments.

    `tell` is told which are left out, and why, and when an environment has to be made.

    Raises:
        TargetError: a description is wrong, or there are none, as in an installed package.

    """
    if not PEERS.is_dir():
        raise TargetError("the stacks are in a checkout of this tool only, in bench/peers; call it there")
    found = []
    for file in sorted(PEERS.glob("*/*.toml")):
        target = read_target(file)
        if file.parent.name == DEPLOYMENTS or target.start is None:
            continue
        try:
            prepare(target.start, tell)
        except TrialError as error:
            tell(f"{target.name} is left out: {error}")
            continue
        versions = (*target.start.versions, *program_versions(target.start))
        start = msgspec.structs.replace(target.start, versions=versions)
        found.append(msgspec.structs.replace(target, start=start))
    return found
