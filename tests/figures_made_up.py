"""Made-up results of every campaign of the manifest, each with the strategies and loads of its command."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import msgspec

from bench.analysis.cells import summarise
from bench.capacity.result import Axis, write_capacity
from bench.claims.manifest import Campaign, Manifest
from bench.claims.stored_results import FORMAT, Measured, StoredResults
from bench.connections.measurement import Connections
from bench.connections.stored import ConnectionsResult, write_connections
from bench.model.plan import Arm, Trial, Workload, make_plan, peer_arms
from bench.model.revision import Revision
from bench.model.summary import Cell, ServerUse
from bench.model.target import Start, Target
from bench.scenarios.result import Row, ScenarioResult, write_scenario
from bench.scenarios.scenario import read_scenario, scenario_file
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.files import write_struct
from bench.validation.cross_check.agreement import CrossCheck, Figures, GeneratorResult, Window
from bench.validation.cross_check.stored import CrossCheckResult, write_cross_check
from bench.validation.live_cost import FILE as LIVE_COST
from bench.validation.live_cost import LiveCost, plan_of_both
from bench.validation.selftest.results import Result
from bench.validation.selftest.stored import SelftestResult, write_selftest
from bench.validation.simulated_tables import SimulatedTable, SimulationResult, write_simulation
from loadtest.ledger.result import StepFigures, shared_fields
from tests.bench.command import subcommand_named
from tests.bench.made_up import ENVIRONMENT, run, step
from tests.bench.made_up import workload as made_up_workload
from tests.bench.made_up_capacity import made_up_search

REVISION = "--revision"
STACKS = [
    Arm(name, name, target=Target(name, f"bench/peers/{name}.toml", Start("run {port}", versions=(f"{name}==1.2",))))
    for name in ("uvicorn", "granian", "bun")
]
P50_MS = {"coalesced": 1.0, "direct": 2.0, "queue": 3.0, "gather": 4.0}


def store_all(manifest: Manifest, results: StoredResults) -> None:
    for campaign in manifest.campaigns:
        store(campaign, results)


def store(campaign: Campaign, results: StoredResults) -> None:
    """Store what the command of a campaign might, with all its flags read as the bench reads them."""
    folder = results.folder(campaign.name)
    module, *words = campaign.words()
    if module.endswith("gate_demonstration"):
        _gate_demonstration(folder)
    elif module.endswith("live_cost"):
        _live_cost(folder)
    elif module != "bench":
        write_simulation(simulated(), folder)
    else:
        folder.mkdir(parents=True)
        subcommand, *flags = words
        command = subcommand_named(subcommand)
        if REVISION in flags:  # a checkout without its history does not have the commit
            del flags[(position := flags.index(REVISION)) : position + 2]
        with command.make_context(subcommand, [*flags, "--out", str(folder / "new")]) as context:
            STORE[subcommand](folder, context.params)
    results.write_measured(campaign.name, Measured(FORMAT, shlex.join(campaign.words()), 600))


def _gate_demonstration(folder: Path) -> None:
    folder.mkdir(parents=True)
    revisions = [Revision(name, digit * 40) for name, digit in (("HEAD", "1"), ("HEAD", "1"), ("222222222222", "2"))]
    plan = make_plan(made_up_workload((200, 400)), ["direct"], 10, 50, 1, revisions=revisions)
    runs = [
        run(trial, [step(users, p50=users / 100 * (1 + trial.block / 100) * _pace(trial)) for users in (200, 400)])
        for trial in plan.trials
    ]
    summary = summarise(plan, ENVIRONMENT, runs)
    cells = [
        msgspec.structs.replace(cell, server=ServerUse(5 * cell.latency_ms.p50 / cell.users, 40, 60))
        for cell in summary.cells
        if cell.latency_ms.p50
    ]
    CampaignFolder(folder).write_summary(msgspec.structs.replace(summary, cells=cells))


def _live_cost(folder: Path) -> None:
    folder.mkdir(parents=True)
    plan = plan_of_both(made_up_workload((400,)), 8)
    runs = [run(trial, [step(400, p50=4.0 + trial.block / 100)]) for trial in plan.trials]
    CampaignFolder(folder).write_summary(summarise(plan, ENVIRONMENT, runs))
    write_struct(folder / LIVE_COST, LiveCost(FORMAT, (1.0, 1.5, 1.25)))


def _pace(trial: Trial) -> float:
    return 1.15 if trial.arm.revision == "2" * 40 else 1.0 + 0.001 * (trial.arm.label.endswith("#2"))


def _compare(folder: Path, flags: dict[str, Any]) -> None:
    rooms = flags["rooms"]
    workload = Workload(**{name: flags[name] for name in Workload.__struct_fields__} | {"rooms": min(rooms)})
    targets = [Arm(target.name, target.name, target=target) for target in flags["targets"]]
    peers = [*peer_arms(flags["rivals"]), *targets, *_stacks(flags)]
    compared = rooms if len(rooms) > 1 else ()
    plan = make_plan(workload, flags["strategies"], flags["blocks"], 50, 1, peers, rooms=compared)
    runs = [
        run(
            trial,
            [
                step(users, p50=P50_MS.get(trial.arm.strategy, 1.5) * users / 400 * (1 + trial.block / 100))
                for users in workload.users
            ],
        )
        for trial in plan.trials
    ]
    summary = summarise(plan, ENVIRONMENT, runs)
    cells = [
        msgspec.structs.replace(
            cell, server=ServerUse(2 * P50_MS.get(cell.strategy, 1), cell.users * P50_MS.get(cell.strategy, 1) / 50, 60)
        )
        for cell in summary.cells
    ]
    CampaignFolder(folder).write_summary(msgspec.structs.replace(summary, cells=cells))
    if _stacks(flags):
        _draw(folder, "latency_by_variant")


def _stacks(flags: dict[str, Any]) -> list[Arm]:
    return STACKS if flags["stacks"] else []


def _capacity(folder: Path, flags: dict[str, Any]) -> None:
    result = made_up_search(*flags["strategies"])
    plan = msgspec.structs.replace(result.plan, by=Axis(str(flags["by"])))
    write_capacity(msgspec.structs.replace(result, plan=plan), folder)
    _draw(folder, "capacity")


def _draw(folder: Path, chart: str) -> None:
    (folder / "charts").mkdir(exist_ok=True)
    (folder / "charts" / f"{chart}.png").write_bytes(b"a picture")


def _run(folder: Path, flags: dict[str, Any]) -> None:
    scenario = read_scenario(scenario_file(str(flags["scenario"])))
    rows = [
        Row(
            variation=variation.label,
            conditions=variation.conditions,
            strategy=strategy,
            block=1,
            cell=_cell(strategy, slow=strategy in ("direct", "gather") and variation.conditions.stalled > 0),
            reason="",
            time_to_recover_s=5.0 if strategy in ("direct", "gather") else 0.0,
            memory_peak_mib=60.0,
            kicked=variation.conditions.stalled,
            dropped=0,
        )
        for variation in scenario.variations
        for strategy in [*flags["strategies"], *(arm.label for arm in _stacks(flags))]
    ]
    texts = (scenario.name, scenario.title, scenario.shows, scenario.look_at, scenario.axes)
    write_scenario(ScenarioResult(1, ENVIRONMENT, *texts, rows), folder)
    _draw(folder, "stalled_members")


def _cell(strategy: str, *, slow: bool) -> Cell:
    made = step(100, p50=1000 if slow else 1)
    use = ServerUse(5.0, 50.0, 60.0)
    figures = shared_fields(StepFigures, made)
    return Cell(**figures, strategy=strategy, block=1, offered_deliveries_per_s=10_000, server=use)


def _selftest(folder: Path, _flags: dict[str, Any]) -> None:
    results = (Result("freeze", "p99", "900 to 915 ms", "902.1 ms", passed=True, closed_loop="0.8 ms"),)
    write_selftest(SelftestResult(1, ENVIRONMENT, results), folder)


def _cross_check(folder: Path, flags: dict[str, Any]) -> None:
    figures = Figures(1000, 1000, 2.0, 4.0)
    generators = ["swarm", *["k6"] * bool(flags["k6"])]
    checks = tuple(
        CrossCheck(rate, rate * 521, GeneratorResult(name, Window(0, 1, 2), 10, figures, 0.1), figures, [], [])
        for rate in flags["rates"]
        for name in generators
    )
    write_cross_check(CrossCheckResult(1, ENVIRONMENT, str(flags["strategy"]), 500, 21, checks), folder)


def _connections(folder: Path, flags: dict[str, Any]) -> None:
    names = [*flags["strategies"], *(arm.label for arm in _stacks(flags))]
    servers = tuple(Connections(name, 5000, 1000, 14_000.0, 380.0, 2600.0, 0.03, 2.2, []) for name in names)
    write_connections(ConnectionsResult(1, ENVIRONMENT, servers), folder)


STORE = {
    "compare": _compare,
    "capacity": _capacity,
    "run": _run,
    "selftest": _selftest,
    "cross-check": _cross_check,
    "connections": _connections,
}


def simulated() -> SimulationResult:
    names = ("false-claims", "false-verdicts", "power", "coverage", "gates", "within-a-campaign", "two-campaigns")
    tables = tuple(SimulatedTable(name, name, ("noise", "share"), (("normal", "1 %"),)) for name in names)
    return SimulationResult(1, 1, tables)
