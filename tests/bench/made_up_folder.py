"""A campaign on disk that no machine produced."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.analysis.cells import summarise
from bench.model.environment import Commit
from bench.model.finding import Finding, Status
from bench.storage.campaign_folder import CampaignFolder
from tests.bench.made_up import ENVIRONMENT, plan, run, step, with_details

DOUBT = "sent <late> | `taskset` & again"


def write_campaign(directory: Path) -> Path:
    """Write two blocks, in which `direct` loses deliveries and one cell of `queue` is invalid, with a `DOUBT`."""
    made = plan(("direct", "queue"), users=(50, 100, 200), blocks=2)
    finding = Finding("cores", Status.WARNING, "1 usable", "the swarm delays itself", "use two")
    environment = msgspec.structs.replace(ENVIRONMENT, commit=Commit("0123abcd" * 5, dirty=True), findings=(finding,))
    runs = []
    for trial in made.trials:
        lossy = trial.arm.label == "direct"
        doubts = [DOUBT] if not lossy and trial.block == 1 else []
        overloaded = msgspec.structs.replace(step(100, missing=750 * lossy, reasons=doubts), drained=False)
        steps = [
            with_details(step(50, p50=1.5), [1_500, 2_000]),
            with_details(overloaded, [2_000, 3_000], missing=lossy),
        ]
        runs.append(run(trial, steps))
    store = CampaignFolder(directory)
    store.create()
    store.write_summary(summarise(made, environment, runs))
    store.write_timeline(runs)
    for each in runs:
        store.write_percentiles(each)
    return directory
