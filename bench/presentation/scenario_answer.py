"""The answer of a scenario, and the list of scenarios."""

from __future__ import annotations

from collections.abc import Sequence

from bench.model.percentile import Percentile
from bench.model.summary import Cell
from bench.presentation.scenario_wording import UNKNOWN, healthy_p99, recovery_s
from bench.presentation.table import Answer, Column, Row, Table, Tone, numbers
from bench.presentation.text import milliseconds
from bench.presentation.window_wording import too_few_messages
from bench.scenarios.result import Row as RunRow
from bench.scenarios.result import ScenarioResult
from bench.scenarios.scenario import Scenario


def scenario_answer(result: ScenarioResult) -> Answer:
    """Return what the scenario shows and what to look at, a row for each run, and what is wrong with runs."""
    remarks = [f"{row.strategy}, {row.variation}: {text}" for row in result.rows for text in _remarks(row)]
    if result.rows_not_run:
        remarks.append(f"{result.rows_not_run:,} of {result.planned_rows:,} runs were not made: it ended before them")
    shortages = dict.fromkeys(
        too_few_messages(row.conditions.workload, Percentile.P99.number) for row in result.rows if row.cell
    )
    remarks += filter(None, shortages)
    return Answer((result.shows, f"Look at: {result.look_at}"), _table(result), tuple(remarks))


def scenario_list(scenarios: Sequence[Scenario]) -> Table:
    """List scenarios: what each shows, and what to look at."""
    rows = tuple(Row((each.name, f"{each.shows}\nLook at: {each.look_at}"), starts_section=True) for each in scenarios)
    return Table("", (Column(), Column()), rows)


def _table(result: ScenarioResult) -> Table:
    has_blocks = any(row.block > 1 for row in result.rows)
    has_withdrawn = any(row.cell and row.cell.withdrawn_messages for row in result.rows)
    has_replays = any(row.cell and row.cell.replay_ms for row in result.rows)
    columns = (
        *numbers(*result.axes),
        Column("strategy"),
        *numbers(*["block"] * has_blocks, "healthy p99 ms", "missing"),
        *numbers(*["replay p99 ms"] * has_replays, *["messages withdrawn"] * has_withdrawn),
        *numbers("to recover s", "memory peak MiB", "kicks"),
        Column("valid", shows_tone=True),
    )
    rows, variation = [], ""
    for row in result.rows:
        axes = [_condition(getattr(row.conditions, axis)) for axis in result.axes]
        cells = (*axes, row.strategy, *[str(row.block)] * has_blocks, *_figures(row, has_replays, has_withdrawn))
        tone = Tone.PLAIN if row.valid else Tone.DOUBTFUL
        rows.append(Row(cells, tone, starts_section=row.variation != variation))
        variation = row.variation
    return Table(result.title, columns, tuple(rows))


def _condition(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def withdrawn_share(cells: Sequence[Cell]) -> str:
    """Say how many of the planned messages were withdrawn, because their senders were away by plan."""
    withdrawn = sum(cell.withdrawn_messages for cell in cells)
    planned = withdrawn + sum(cell.planned_messages for cell in cells)
    return f"{withdrawn:,} of {planned:,} ({100 * withdrawn / planned:.1f} %)" if withdrawn else "0"


def _figures(row: RunRow, has_replays: bool, has_withdrawn: bool) -> list[str]:
    memory = UNKNOWN if row.memory_peak_mib is None else f"{row.memory_peak_mib:,.0f}"
    kicked = UNKNOWN if row.kicked is None else f"{row.kicked:,}"
    if row.cell is None:
        return [*[UNKNOWN] * (3 + has_replays + has_withdrawn), memory, kicked, "not measured"]
    missing = f"{row.cell.missing:,}"
    replay = row.cell.replay_ms
    replays = [milliseconds(replay.p99) if replay else UNKNOWN] * has_replays
    withdrawn = [withdrawn_share([row.cell])] * has_withdrawn
    p99, recovery = healthy_p99([row]), recovery_s([row])
    return [p99, missing, *replays, *withdrawn, recovery, memory, kicked, "yes" if row.valid else "no"]


def _remarks(row: RunRow) -> list[str]:
    if row.cell is None:
        return [f"not measured: {row.reason}"]
    return [
        *(f"invalid: {text}" for text in (*row.cell.reasons, *[row.reason] * bool(row.reason))),
        *(f"warning: {text}" for text in row.cell.warnings),
    ]
