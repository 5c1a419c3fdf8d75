"""Which user counts are measured again, because they were invalid or lost, and by which trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from bench.model.plan import Plan, Trial
from bench.model.run import Run

InvalidUsers = Callable[[Run], Sequence[int]]
"""Judges a run: its invalid user counts. Slowness, missing deliveries and saturation are results, not reasons."""


def attempts(plan: Plan, trial: Trial, runs: Mapping[Trial, Run], invalid_users: InvalidUsers) -> list[Trial]:
    """Return a trial of the plan and all that measure some of it again, by attempt, also those not yet run.

    What they are follows from the runs alone, so a campaign that is resumed goes on where it ended.
    """
    found = [trial]
    for each in found:  # grows meanwhile
        run = runs.get(each)
        if run and run.is_finished and each.attempt <= plan.retries:
            found += _repeats(run, plan, invalid_users(run))
    return found


def _repeats(run: Run, plan: Plan, invalid: Sequence[int]) -> list[Trial]:
    """Repeat each invalid user count on its own, and those together that the swarm lost.

    If the sweep ended with an invalid one because it did not drain, its repeat goes on with the user counts after it.
    If it ended without such a reason, those after it are lost.
    """
    last = run.steps[-1]
    rest = tuple(users for users in run.trial.workload_in(plan.workload).users if users > last.users)
    repeats = [
        msgspec.structs.replace(
            run.trial,
            attempt=run.trial.attempt + 1,
            users=(users, *rest) if users == last.users and not last.drained else (users,),
        )
        for users in invalid
    ]
    if rest and last.drained:
        repeats.append(msgspec.structs.replace(run.trial, attempt=run.trial.attempt + 1, users=rest))
    return repeats
