"""Whether a cell is valid: the reasons against it, each with its remedy."""

from __future__ import annotations

from bench.model.run import Run
from loadtest.ledger.result import Step

MIN_WINDOW_RATIO = 0.999
"""A window of at least this share of its planned length was not cut short: its ends are rounded."""


def invalid_users(run: Run, planned_s: float) -> list[int]:
    """Return the user counts of a run, planned with windows of `planned_s` seconds, whose steps are invalid."""
    return [step.users for step in run.steps if reasons(run, step, planned_s)]


def reasons(run: Run, step: Step, planned_s: float) -> list[str]:
    """Collect the reasons why a step of a run, planned as a window of `planned_s` seconds, is invalid.

    Missing deliveries are not among them: they are a result.
    """
    found = list(step.reasons)
    if not step.valid and not found:
        found.append("the swarm calls the step invalid without a reason; see its log")
    if disagreement := _disagreement(run):
        found.append(disagreement)
    if run.server_ended and (not run.samples or step.drain_end_ns > run.samples[-1].time_ns):
        found.append(f"the server {run.server_ended} during the step; see its log")
    if run.failure and not run.server_ended and step.window_s < MIN_WINDOW_RATIO * planned_s:
        cut = f"the window was cut short after {step.window_s:.1f} of {planned_s:g} s"
        found.append(f"{cut}: {run.failure.message}; run it again")
    return found


def _disagreement(run: Run) -> str | None:
    """Compare the swarm's counts of a whole run with the server's, if the room was quiet before and after it.

    It was not quiet if a step did not drain; a member that left, was lost or hardly reads leaves copies under way.
    """
    swarm, before, after = run.swarm, run.stats_before, run.stats_after
    if swarm is None or before is None or after is None or swarm.not_measured:
        return None
    if swarm.members_lost or swarm.flooders:
        return None
    if any(step.stalled or step.not_judged or step.replayed or not step.drained for step in swarm.steps):
        return None
    counted = (after.messages_in - before.messages_in, after.deliveries_out - before.deliveries_out)
    if counted == (swarm.messages_sent, swarm.deliveries_received):
        return None
    return (
        f"the server counted {counted[0]:,} messages in and {counted[1]:,} deliveries out, the swarm sent "
        f"{swarm.messages_sent:,} and received {swarm.deliveries_received:,}; somebody else was in the room, or what "
        "is between them loses or adds messages: give the server to the swarm alone"
    )
