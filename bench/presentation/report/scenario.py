"""The report of a scenario: what `run` wrote, read again."""

from __future__ import annotations

from pathlib import Path

from bench.analysis.support import carries
from bench.model.percentile import Percentile
from bench.model.summary import or_infinite
from bench.presentation.charts.scenario import draw_scenario
from bench.presentation.report.environment import environment_section, machine_remarks
from bench.presentation.report.page import Chart, Page, Remark, Section
from bench.presentation.report.reproduce import command, peer_words, plain, reproduce_section
from bench.presentation.scenario_answer import scenario_answer, withdrawn_share
from bench.presentation.table import Tone
from bench.presentation.text import counted, listing, milliseconds
from bench.scenarios.result import Row, ScenarioResult, read_scenario_result


def scenario_page(directory: Path) -> Page:
    """Write the report of a scenario.

    Raises:
        ResultsError: `scenario.json` is damaged, or of another format.

    """
    result = read_scenario_result(directory)
    answer = scenario_answer(result)
    charts = [
        Chart(drawn.name, drawn.finding, result.look_at, drawn.svg)
        for drawn in draw_scenario(result, directory / "charts")
    ]
    strategies = list(dict.fromkeys(row.strategy for row in result.rows))
    return Page(
        title=f"{result.title}: {listing(strategies)}" if strategies else result.title,
        subtitle=f"{result.shows} {result.environment.time[:10]}",
        verdict=[_outcome(name, [row for row in result.rows if row.strategy == name]) for name in strategies],
        remarks=[_missing(result), *_withdrawn(result), _validity(result), *machine_remarks(result.environment)],
        sections=[
            Section("Evidence", [f"Look at: {result.look_at}"], [answer.table.captioned("Every run")], charts),
            Section("Run health", list(answer.remarks) or ["Every run was measured, and none has a warning."]),
            environment_section(result.environment),
            reproduce_section(_command(result, strategies), result.environment),
        ],
    )


def _outcome(strategy: str, rows: list[Row]) -> str:
    """Say in a sentence how one strategy did over all of its runs."""
    cells = [row.cell for row in rows if row.cell]
    if not cells:
        return f"{strategy}: not measured."
    worst = max((cell.latency_ms.p99 for cell in cells), key=or_infinite)
    p99 = "infinite at worst" if worst is None else f"{milliseconds(worst)} ms at worst"
    if not all(carries(row.cell, row.conditions.workload, Percentile.P99.number) for row in rows if row.cell):
        p99 = "not known from so few messages"
    missing, expected = sum(cell.missing for cell in cells), sum(cell.expected for cell in cells)
    gaps = [row.variation for row in rows if not row.cell]
    not_measured = f"; not measured: {listing(gaps)}" if gaps else ""
    return (
        f"{strategy}: healthy members' p99 {p99}, {missing:,} of {expected:,} deliveries missing, "
        f"{_recovery(rows)}, {_kicks(rows)}{not_measured}."
    )


def _recovery(rows: list[Row]) -> str:
    recoveries = [row.time_to_recover_s for row in rows if row.cell]
    known = [seconds for seconds in recoveries if seconds is not None]
    return f"recovered within {max(known):.1f} s" if len(known) == len(recoveries) else "not always recovered"


def _kicks(rows: list[Row]) -> str:
    counts = [row.kicked for row in rows if row.kicked is not None]
    return "kicks unknown" if len(counts) < len(rows) else f"{counted(sum(counts), 'member')} kicked"


def _missing(result: ScenarioResult) -> Remark:
    lossy = [row for row in result.rows if row.cell and row.cell.missing]
    if not lossy:
        return Remark(Tone.GOOD, "No delivery to a healthy member is missing.")
    listed = [f"{row.strategy}, {row.variation} ({row.cell.missing:,})" for row in lossy if row.cell]
    return Remark(Tone.BAD, f"Deliveries missing, counted as infinitely late: {listing(listed)}.")


def _withdrawn(result: ScenarioResult) -> list[Remark]:
    """Name the runs whose load was lower than planned, so that a slow return of users does not pass for a quick one."""
    lower = [row for row in result.rows if row.cell and row.cell.withdrawn_messages]
    if not lower:
        return []
    listed = [f"{row.strategy}, {row.variation} {withdrawn_share([row.cell])}" for row in lower if row.cell]
    return [Remark(Tone.PLAIN, f"Planned messages withdrawn, as their senders were away by plan: {listing(listed)}.")]


def _validity(result: ScenarioResult) -> Remark:
    faults = []
    if result.rows_not_run:
        faults.append(f"{result.rows_not_run:,} of {result.planned_rows:,} runs were not made, as it ended before them")
    if invalid := [f"{row.strategy}, {row.variation}" for row in result.rows if not row.valid]:
        faults.append(f"not measured, or invalid: {listing(invalid)}; the reasons are under Run health")
    if not faults:
        return Remark(Tone.GOOD, f"All {len(result.rows):,} runs are valid.")
    text = "; ".join(faults)
    return Remark(Tone.DOUBTFUL, f"{text[0].upper()}{text[1:]}.")


def _command(result: ScenarioResult, strategies: list[str]) -> str:
    """Return the command, with the flags that may differ from the scenario's own values."""
    named = result.strategies or [name.partition("#")[0] for name in strategies]
    revisions = [word for commit in result.revisions for word in ("--revision", commit)]
    of_peers = {arm.label for arm in result.peers}
    flags = {"strategies": ",".join(name for name in named if name not in of_peers) or "none"}
    for field, flag in (("users", "users"), ("duration_s", "duration")):
        values = {getattr(row.conditions, field) for row in result.rows}
        if len(values) == 1 and field not in result.axes:
            flags[flag] = plain(values.pop())
    flags["blocks"] = str(result.blocks or max((row.block for row in result.rows), default=1))
    if result.seed is not None:
        flags["seed"] = str(result.seed)
    return command("run", flags, result.source or result.name, *peer_words(result.peers), *revisions)
