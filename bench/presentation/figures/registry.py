"""All figures that pages may ask for, by the first word between their markers; the other words are arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from bench.claims.manifest import Manifest
from bench.claims.stored_results import StoredResults
from bench.errors import FiguresError
from bench.presentation.figures import capacities, comparisons, costs, gates, records, scenarios, stacks, validations

Figure = Callable[..., str]
"""Takes the stored results and the words after its name, and returns Markdown."""

FIGURES: Mapping[str, Figure] = MappingProxyType(
    {
        "answer": comparisons.answer,
        "ratios": comparisons.ratios,
        "cost-findings": comparisons.cost_findings,
        "cost-model": comparisons.cost_model,
        "cost-by-users": comparisons.cost_by_users,
        "found": comparisons.found,
        "side-by-side": comparisons.side_by_side,
        "blocks-for-a-claim": comparisons.blocks_for_a_claim,
        "strategies": comparisons.strategies,
        "capacities": capacities.capacities,
        "search": capacities.search,
        "arrivals-matter": capacities.arrivals_matter,
        "scenarios": scenarios.scenarios,
        "scenario": scenarios.one_scenario,
        "invalid-scenarios": scenarios.invalid_rows,
        "isolation": scenarios.isolation,
        "server-cost": costs.server_cost,
        "peers": costs.peers,
        "swarm-cost": costs.swarm_cost,
        "swarm-big-messages": costs.swarm_big_messages,
        "connections": costs.connections,
        "connections-crowd": costs.connections_crowd,
        "stacks": stacks.stacks,
        "stack-verdicts": stacks.stack_verdicts,
        "stack-versions": stacks.stack_versions,
        "selftest": validations.selftest,
        "selftest-sentence": validations.selftest_sentence,
        "cross-checks": validations.cross_checks,
        "simulated": validations.simulated,
        "live-cost": validations.live_cost,
        "gate-demonstration": gates.gate_demonstration,
        "command": records.command,
        "chart": records.chart,
    }
)


def figure(name: str, results: StoredResults, manifest: Manifest) -> str:
    """Return the Markdown of a figure, as in `capacities capacity-users`.

    Raises:
        FiguresError: there is no such figure, or it takes other arguments.
        NotStoredError: a campaign that it needs is not stored yet.
        ResultsError: a result is damaged, or lacks a valid figure.

    """
    first, *arguments = name.split() or [""]
    known: dict[str, Figure] = {**FIGURES, "claims": partial(records.claims, manifest)}
    if first not in known:
        raise FiguresError(f"unknown figures {name!r}; choose {', '.join(known)}")
    try:
        inspect.signature(known[first]).bind(results, *arguments)
    except TypeError as error:
        raise FiguresError(f"figures {name!r}: {error}; see bench/presentation/figures") from error
    return known[first](results, *arguments)
