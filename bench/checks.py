"""May a cell be believed? Reasons why not, each with its remedy."""

from __future__ import annotations

from bench.run import Run
from loadtest.result import Step


def reasons(run: Run, step: Step) -> list[str]:
    """Collect what speaks against one step of a run; missing deliveries do not, they are a result."""
    found = list(step.reasons)
    if not step.valid and not found:
        found.append("the swarm calls the step invalid without a reason; see its log")
    if run.server_ended and (not run.samples or step.drain_end_ns > run.samples[-1].time_ns):
        found.append(f"the server {run.server_ended} during the step; see its log")
    return found
