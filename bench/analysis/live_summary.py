"""Keeps a campaign's summary on disk while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.cells import summarise, used_runs
from bench.model.environment import Environment
from bench.model.plan import Plan
from bench.model.run import Run
from bench.storage.campaign_folder import CampaignFolder


class LiveSummary:
    """The summary of the runs so far, rewritten at each `update` with its timeline and telemetry."""

    def __init__(self, plan: Plan, environment: Environment, store: CampaignFolder) -> None:
        self._plan = plan
        self._environment = environment
        self._store = store
        self.summary = summarise(plan, environment, [])

    def update(self, runs: Sequence[Run]) -> None:
        """Summarise all runs so far, given in the order of the plan, each with its repeats, and write the result."""
        self.summary = summarise(self._plan, self._environment, runs)
        self._store.write_summary(self.summary)
        used = used_runs(self.summary, runs)
        self._store.write_timeline(used)
        self._store.write_telemetry(used)
