"""Figures of scenarios: one table of all of them, and the stalled members."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.claims.stored_results import StoredResults
from bench.model.summary import or_infinite
from bench.presentation.figures.writing import code, ms, prose, table
from bench.presentation.scenario_wording import NOT_YET, healthy_p99, recovery_s
from bench.presentation.table import Column
from bench.presentation.text import listing
from bench.scenarios.result import Row, ScenarioResult

STRATEGIES = ("coalesced", "direct", "queue", "gather")
SCENARIOS = (
    *("burst", "server-freeze", "reconnect-storm", "server-restart", "slow-readers", "churn"),
    *("big-messages", "soak"),
)
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class _Figure:
    """A row of figures: how it is called, read, and written, of one strategy's runs that have it.

    One that `only_if_any` is left out where all are 0.
    """

    name: str
    read: Callable[[Row], float | None]
    write: Callable[[Sequence[Row]], str]
    only_if_any: bool = False


def _p99(row: Row) -> float | None:
    return or_infinite(row.cell.latency_ms.p99) if row.cell else None


def _missing(row: Row) -> float | None:
    return row.cell.missing if row.cell else None


def _withdrawn(row: Row) -> float | None:
    return row.cell.withdrawn_messages if row.cell else None


def _replay_p99(row: Row) -> float | None:
    return or_infinite(row.cell.replay_ms.p99) if row.cell and row.cell.replay_ms else None


def _recovery_s(row: Row) -> float | None:
    if row.cell is None:
        return None
    return math.inf if row.time_to_recover_s is None else row.time_to_recover_s


def _kicked(row: Row) -> float | None:
    return row.kicked


def _memory(row: Row) -> float | None:
    return row.memory_peak_mib


def _seconds(value: float) -> str:
    return NOT_YET if math.isinf(value) else f"{value:.1f}"


def _milliseconds(read: Callable[[Row], float | None]) -> Callable[[Sequence[Row]], str]:
    return lambda rows: ms(statistics.median(_known(rows, read)))


def _count(read: Callable[[Row], float | None]) -> Callable[[Sequence[Row]], str]:
    return lambda rows: f"{statistics.median(_known(rows, read)):,.0f}"


FIGURES = (
    _Figure("healthy p99, ms", _p99, healthy_p99),
    _Figure("missing deliveries", _missing, _count(_missing), only_if_any=True),
    _Figure("replay p99, ms", _replay_p99, _milliseconds(_replay_p99), only_if_any=True),
    _Figure("messages withdrawn", _withdrawn, _count(_withdrawn), only_if_any=True),
    _Figure("to recover, s", _recovery_s, recovery_s, only_if_any=True),
    _Figure("kicks", _kicked, _count(_kicked), only_if_any=True),
    _Figure("memory peak, MiB", _memory, _count(_memory)),
)
FAULTS = ("missing deliveries", "kicks")
"""Where one scenario is shown, that there are none is said, too."""


def scenarios(results: StoredResults) -> str:
    """Show every scenario's figures for each strategy."""
    rows = [row for name in SCENARIOS for row in _rows(name, results.scenario(name), FIGURES)]
    return table([Column("scenario"), Column("figure"), *map(code, STRATEGIES)], rows)


def one_scenario(results: StoredResults, campaign: str) -> str:
    """Show one scenario's figures for each strategy; of one revision, if it was run at any."""
    always = [replace(figure, only_if_any=False) if figure.name in FAULTS else figure for figure in FIGURES]
    rows = _rows(campaign, results.scenario(campaign), always)
    return table([Column("conditions"), Column("figure"), *map(code, STRATEGIES)], rows)


def invalid_rows(results: StoredResults) -> str:
    """Say which runs of all scenarios are invalid."""
    invalid = [
        f"{name} of {code(row.strategy)} ({row.variation})"
        for name in SCENARIOS
        for row in results.scenario(name).rows
        if not row.valid
    ]
    return prose(f"Invalid, and shown all the same: {listing(invalid)}." if invalid else "Every run is valid.")


def isolation(results: StoredResults, campaign: str) -> str:
    """Say which strategies keep within the SLO for the others when one member stalls, and for how long others stop."""
    rows = [row for row in results.scenario(campaign).rows if row.conditions.stalled == 1 and row.valid]
    isolated, stopped = [], []
    recoveries: list[float] = []
    for strategy in STRATEGIES:
        of_one = [row for row in rows if row.strategy == strategy]
        if not of_one:
            continue
        if statistics.median(_known(of_one, _p99)) <= of_one[0].conditions.slo_ms:
            isolated.append(code(strategy))
        else:
            stopped.append(code(strategy))
            recoveries += _known(of_one, _recovery_s)
    sentences = []
    if stopped:
        sentences.append(
            f"One stalled member of {rows[0].conditions.users} disturbs a room of {listing(stopped)} for "
            f"{_seconds(max(recoveries))} s."
        )
    if isolated:
        sentences.append(f"In {listing(isolated)} nobody else is affected by one stalled member.")
    return prose(*sentences)


def _rows(name: str, result: ScenarioResult, figures: Sequence[_Figure]) -> Iterator[list[str]]:
    """Yield a row for each figure of each set of conditions, named at its first row only."""
    for variation in dict.fromkeys(row.variation for row in result.rows):
        of_all = [row for row in result.rows if row.variation == variation]
        label = ", ".join(_condition(axis, getattr(of_all[0].conditions, axis)) for axis in result.axes)
        shown = f"{code(name)}: {label}" if label else code(name)
        for figure in figures:
            if figure.only_if_any and not any(_known(of_all, figure.read)):
                continue
            cells = [_cell([row for row in of_all if _strategy(row) == strategy], figure) for strategy in STRATEGIES]
            yield [shown, figure.name, *cells]
            shown = ""


def _strategy(row: Row) -> str:
    """Return a row's strategy without the revision that it was run at."""
    return row.strategy.partition("@")[0]


def _condition(axis: str, value: object) -> str:
    return f"{axis.replace('_', ' ')} {value:g}" if isinstance(value, float) else f"{axis.replace('_', ' ')} {value}"


def _cell(rows: Sequence[Row], figure: _Figure) -> str:
    return figure.write(rows) if _known(rows, figure.read) else NOT_RUN


def _known(rows: Sequence[Row], read: Callable[[Row], float | None]) -> list[float]:
    return [value for row in rows if (value := read(row)) is not None]
