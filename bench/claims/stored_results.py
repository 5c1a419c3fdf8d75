"""The stored results of the manifest's campaigns, a folder each, read by their campaign's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.capacity import result as capacity_result
from bench.capacity.result import CapacityResult, read_capacity
from bench.connections import stored as connections_stored
from bench.connections.stored import ConnectionsResult, read_connections
from bench.errors import NotStoredError
from bench.model.summary import Summary
from bench.scenarios import result as scenario_result
from bench.scenarios.result import ScenarioResult, read_scenario_result
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.files import read_struct, write_struct
from bench.validation import live_cost, simulated_tables
from bench.validation.cross_check import stored as cross_check_stored
from bench.validation.cross_check.stored import CrossCheckResult, read_cross_check
from bench.validation.live_cost import LiveCost, read_live_cost
from bench.validation.selftest import stored as selftest_stored
from bench.validation.selftest.stored import SelftestResult, read_selftest
from bench.validation.simulated_tables import SimulationResult, read_simulation

FORMAT = 1
SUMMARY = "summary.json"
MEASURED = "campaign.json"

Result = TypeVar("Result")


class Measured(msgspec.Struct, frozen=True):
    """How a stored result came about: the command after `python -m`, and the seconds it took, if that is known."""

    format: int
    command: str
    seconds: float | None = None


class StoredResults:
    """The results in `directory`, one folder a campaign.

    All readers raise `NotStoredError` where a campaign has no result, and `ResultsError` where it is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def folder(self, campaign: str) -> Path:
        """Return where the results of a campaign are, or belong."""
        return self.directory / campaign

    def summary(self, campaign: str) -> Summary:
        """Read what `compare` stored."""
        return self._read(campaign, SUMMARY, lambda folder: CampaignFolder(folder).read_summary())

    def capacity(self, campaign: str) -> CapacityResult:
        """Read what `capacity` stored."""
        return self._read(campaign, capacity_result.FILE, read_capacity)

    def scenario(self, campaign: str) -> ScenarioResult:
        """Read what `run` stored."""
        return self._read(campaign, scenario_result.FILE, read_scenario_result)

    def connections(self, campaign: str) -> ConnectionsResult:
        """Read what `connections` stored."""
        return self._read(campaign, connections_stored.FILE, read_connections)

    def selftest(self, campaign: str) -> SelftestResult:
        """Read what `selftest` stored."""
        return self._read(campaign, selftest_stored.FILE, read_selftest)

    def cross_check(self, campaign: str) -> CrossCheckResult:
        """Read what `cross-check` stored."""
        return self._read(campaign, cross_check_stored.FILE, read_cross_check)

    def simulation(self, campaign: str) -> SimulationResult:
        """Read what the simulation stored."""
        return self._read(campaign, simulated_tables.FILE, read_simulation)

    def live_cost(self, campaign: str) -> LiveCost:
        """Read what the samples of a live view took; its arms are in the `summary`."""
        return self._read(campaign, live_cost.FILE, read_live_cost)

    def measured(self, campaign: str) -> Measured:
        """Read with which command a result was measured."""
        remedy = f"`python -m bench measure {campaign}` writes it"
        return self._read(campaign, MEASURED, lambda folder: read_struct(folder / MEASURED, Measured, "record", remedy))

    def write_measured(self, campaign: str, measured: Measured) -> None:
        """Write with which command a result was measured."""
        write_struct(self.folder(campaign) / MEASURED, measured)

    def _read(self, campaign: str, file: str, read: Callable[[Path], Result]) -> Result:
        folder = self.folder(campaign)
        if not (folder / file).exists():
            raise NotStoredError(
                f"{folder} has no {file}; `python -m bench measure {campaign}` measures and stores it", campaign
            )
        return read(folder)
