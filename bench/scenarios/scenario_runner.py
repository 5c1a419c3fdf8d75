"""Runs a scenario: each variation is a separate campaign in a separate folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from bench.analysis.live_summary import LiveSummary
from bench.execution.campaign import run_campaign
from bench.execution.interruption import Interruption
from bench.execution.server_process import NO_CHECKOUTS
from bench.execution.trial_runner import Extras
from bench.model.environment import Environment
from bench.model.plan import Arm, Trial, make_plan
from bench.model.revision import Revision
from bench.model.run import Run
from bench.scenarios.conditions import Conditions
from bench.scenarios.disturbance import Disturbance, Disturber
from bench.scenarios.result import FORMAT, Row, ScenarioResult, write_scenario
from bench.scenarios.rows import make_rows
from bench.scenarios.scenario import Scenario
from bench.storage.campaign_folder import CampaignFolder


def run_scenario(
    scenario: Scenario,
    source: str,
    strategies: Sequence[str],
    peers: Sequence[Arm],
    blocks: int,
    seed: int,
    environment: Environment,
    directory: Path,
    interruption: Interruption,
    console: Console,
    revisions: Sequence[Revision] = (),
    checkouts: Mapping[str, Path] = NO_CHECKOUTS,
) -> ScenarioResult:
    """Run every variation with every strategy and peer into `directory`, and store the result after each run.

    `source` is the scenario as `run` was given it: a name or a path. With `revisions` every strategy is run once at
    each of them; `checkouts` has the folder of each commit.

    Raises:
        OSError: the folder is not empty, or cannot be written to.

    """
    found: list[Row] = []
    refused: set[Arm] = set()
    own = len(strategies) * max(1, len(revisions))
    result = ScenarioResult(
        format=FORMAT,
        environment=environment,
        name=scenario.name,
        title=scenario.title,
        shows=scenario.shows,
        look_at=scenario.look_at,
        axes=scenario.axes,
        rows=[],
        seed=seed,
        source=source,
        strategies=(*strategies, *(peer.label for peer in peers)),
        blocks=blocks,
        planned_rows=len(scenario.variations) * (own + len(peers)) * blocks,
        revisions=tuple(revision.commit for revision in revisions),
        peers=tuple(peers),
    )
    for variation in scenario.variations:
        if interruption.signal_name:
            break
        if len(scenario.variations) > 1:
            console.print(f"{scenario.name}: {variation.label}", markup=False, highlight=False)
        conditions = variation.conditions
        plan = make_plan(conditions.workload, strategies, blocks, conditions.slo_ms, seed, peers, revisions)
        store = CampaignFolder(directory / variation.label)
        store.create()
        disturbers = _Disturbers(conditions, store, interruption)
        live = LiveSummary(plan, environment, store)
        earlier = list(found)

        def save(runs: Sequence[Run]) -> None:
            live.update(runs)  # noqa: B023
            if runs:
                found[:] = [*earlier, *make_rows(variation, live.summary, runs, disturbers.disturbances)]  # noqa: B023
                write_scenario(msgspec.structs.replace(result, rows=list(found)), directory)

        run_campaign(
            plan,
            environment,
            store,
            interruption,
            console,
            extras=disturbers.extras,
            on_runs=save,
            refused=refused,
            checkouts=checkouts,
        )
    return msgspec.structs.replace(result, rows=list(found))


class _Disturbers:
    """The disturbers of a variation, one per trial."""

    def __init__(self, conditions: Conditions, store: CampaignFolder, interruption: Interruption) -> None:
        self._conditions = conditions
        self._store = store
        self._interruption = interruption
        self._by_trial: dict[Trial, Disturber] = {}

    def extras(self, trial: Trial) -> Extras:
        """Return a trial's flags besides its load, and its disturber."""
        log = self._store.logs / f"{trial.name}.server-restarted.log"
        self._by_trial[trial] = disturber = Disturber(self._conditions, log, self._interruption)
        return Extras(self._conditions.server_flags, self._conditions.swarm_flags, disturber.disturb_if_due)

    @property
    def disturbances(self) -> dict[Trial, Disturbance]:
        """When each trial's server was disturbed."""
        return {trial: each.disturbance for trial, each in self._by_trial.items() if each.disturbance}
