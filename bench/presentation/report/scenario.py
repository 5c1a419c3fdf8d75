"""The report of a scenario: what `run` wrote, read again."""

from __future__ import annotations

from pathlib import Path

from bench.analysis.slo import listing, or_infinite
from bench.presentation.charts import keep
from bench.presentation.charts.scenario import charts_of
from bench.presentation.comparison_answer import milliseconds
from bench.presentation.report.environment import environment_section, machine_remarks
from bench.presentation.report.page import Chart, Page, Remark, Section, Tone
from bench.presentation.report.reproduce import command, plain, reproduce_section
from bench.presentation.report.rich_tables import table_in, texts_in
from bench.presentation.scenario_answer import scenario_table
from bench.scenarios.result import Row, ScenarioResult, read_scenario_result


def scenario_page(directory: Path) -> Page:
    """Write the report of a scenario.

    Raises:
        ValueError: `scenario.json` is damaged, or of another format.

    """
    result = read_scenario_result(directory)
    printed = scenario_table(result)
    shows, *remarks, look_at = texts_in(printed)
    strategies = list(dict.fromkeys(row.strategy for row in result.rows))
    return Page(
        title=f"{result.title}: {listing(strategies)}" if strategies else result.title,
        subtitle=f"{shows} {result.environment.time[:10]}",
        verdict=[_came_through(name, [row for row in result.rows if row.strategy == name]) for name in strategies],
        remarks=[_missing(result), _belief(result), *machine_remarks(result.environment)],
        sections=[
            Section("Evidence", [look_at], [table_in(printed, "Every run", _tone)], _charts(result, directory)),
            Section("Run health", remarks or ["Nothing to remark: every run was measured, and none has a warning."]),
            environment_section(result.environment),
            reproduce_section(_command(result, strategies), result.environment),
        ],
    )


def _came_through(strategy: str, rows: list[Row]) -> str:
    """Say in a sentence how one strategy came through the worst of it."""
    cells = [row.cell for row in rows if row.cell]
    if not cells:
        return f"{strategy}: not measured."
    worst = max((cell.latency_ms.p99 for cell in cells), key=or_infinite)
    p99 = "infinite" if worst is None else f"{milliseconds(worst)} ms"
    missing, expected = sum(cell.missing for cell in cells), sum(cell.expected for cell in cells)
    recoveries = [row.time_to_recover_s for row in rows if row.cell]
    known = [seconds for seconds in recoveries if seconds is not None]
    recovery = (
        f"itself again after {max(known):.1f} s at most" if len(known) == len(recoveries) else "not always itself again"
    )
    counts = [row.kicked for row in rows if row.kicked is not None]
    kicks = f"{sum(counts):,} {'member' if sum(counts) == 1 else 'members'} kicked"
    if len(counts) < len(rows):
        kicks = "kicks unknown"
    gaps = [row.variation for row in rows if not row.cell]
    not_measured = f"; not measured: {listing(gaps)}" if gaps else ""
    return (
        f"{strategy}: healthy members' p99 {p99} at worst, {missing:,} of {expected:,} deliveries missing, {recovery}, "
        f"{kicks}{not_measured}."
    )


def _missing(result: ScenarioResult) -> Remark:
    lossy = [row for row in result.rows if row.cell and row.cell.missing]
    if not lossy:
        return Remark(Tone.GOOD, "No delivery to a healthy member is missing.")
    listed = [f"{row.strategy}, {row.variation} ({row.cell.missing:,})" for row in lossy if row.cell]
    return Remark(Tone.BAD, f"Deliveries missing, counted as infinitely late: {listing(listed)}.")


def _belief(result: ScenarioResult) -> Remark:
    faults = []
    if result.rows_not_run:
        faults.append(f"{result.rows_not_run:,} of {result.planned_rows:,} runs were not made, as it ended before them")
    if doubtful := [f"{row.strategy}, {row.variation}" for row in result.rows if not row.believable]:
        faults.append(f"not measured, or not to be believed: {listing(doubtful)}; the run's health says why")
    if not faults:
        return Remark(Tone.GOOD, f"Each of {len(result.rows):,} runs may be believed.")
    told = "; ".join(faults)
    return Remark(Tone.DOUBTFUL, f"{told[0].upper()}{told[1:]}.")


def _tone(cells: tuple[str, ...]) -> Tone:
    return Tone.PLAIN if cells[-1] == "yes" else Tone.DOUBTFUL


def _charts(result: ScenarioResult, directory: Path) -> list[Chart]:
    drawn = [keep(draw(result), draw.__name__, directory / "charts") for draw in charts_of(result)]
    return [Chart(each.name, each.finding, result.look_at, each.svg) for each in drawn]


def _command(result: ScenarioResult, strategies: list[str]) -> str:
    """Return the command, with the flags that may differ from the scenario's own values."""
    named = result.strategies or [name.partition("#")[0] for name in strategies]
    flags = {"strategies": ",".join(named)}
    for field, flag in (("users", "users"), ("duration_s", "duration")):
        values = {getattr(row.conditions, field) for row in result.rows}
        if len(values) == 1 and field not in result.axes:
            flags[flag] = plain(values.pop())
    flags["blocks"] = str(result.blocks or max((row.block for row in result.rows), default=1))
    if result.seed is not None:
        flags["seed"] = str(result.seed)
    return command("run", flags, result.source or result.name)
