"""The report of a search for the capacity: what `capacity` wrote, read again."""

from __future__ import annotations

from pathlib import Path

from bench.analysis.slo import listing
from bench.capacity.result import Axis, CapacityPlan, CapacityResult, Limit, Try, read_capacity
from bench.capacity.search import Outcome
from bench.presentation.capacity_answer import answer_table, finding, sentences
from bench.presentation.charts import keep
from bench.presentation.charts.capacity import capacity
from bench.presentation.comparison_answer import milliseconds
from bench.presentation.report.environment import environment_section, machine_remarks
from bench.presentation.report.page import Chart, Page, Remark, Row, Section, Table, Tone
from bench.presentation.report.reproduce import command, plain, reproduce_section, workload_flags
from bench.presentation.report.rich_tables import table_in

LOOK_AT = "Look whether two intervals overlap: if they do, the search does not tell which of the two holds more."
TONES = {Outcome.HELD: Tone.GOOD, Outcome.FAILED: Tone.BAD, Outcome.DOUBTFUL: Tone.DOUBTFUL}


def capacity_page(directory: Path) -> Page:
    """Write the report of a search.

    Raises:
        ValueError: `capacity.json` is damaged, or of another format.

    """
    result = read_capacity(directory)
    plan = result.plan
    drawn = keep(capacity(result), "capacity", directory / "charts")
    return Page(
        title=f"How many {plan.by.unit} {listing([arm.label for arm in plan.arms])} hold",
        subtitle=f"within {plan.slo}, nothing missing, {result.environment.time[:10]}",
        verdict=[f"{finding(result)}."],
        remarks=[_remark(result), *machine_remarks(result.environment)],
        sections=[
            Section(
                "Evidence",
                [f"{'. '.join(sentences(plan, each))}." for each in result.capacities],
                [table_in(answer_table(result), "What each strategy holds", lambda _: Tone.PLAIN)],
                [Chart(drawn.name, drawn.finding, LOOK_AT, drawn.svg)],
            ),
            Section("Run health", [], [_tries(result)]),
            environment_section(result.environment),
            reproduce_section(capacity_command(plan), result.environment),
        ],
    )


def capacity_command(plan: CapacityPlan) -> str:
    """Return the command that makes this plan, with every flag."""
    load = workload_flags(plan.workload)
    del load["users" if plan.by is Axis.USERS else "room-rate"]
    flags = {
        "strategies": ",".join(arm.strategy for arm in plan.arms),
        "slo-ms": plain(plan.slo_ms),
        "percentile": str(plan.percentile),
        "by": str(plan.by),
        **load,
        "start": str(plan.rules.start),
        "limit": str(plan.rules.limit),
        "resolution": plain(round(100 * plan.rules.resolution, 6)),
        "repeats": str(plan.rules.repeats),
        "max-minutes": plain(plan.max_minutes),
        "seed": str(plan.seed),
    }
    return command("capacity", flags)


def _remark(result: CapacityResult) -> Remark:
    doubtful = [
        each.strategy for each in result.capacities if each.limited_by is not Limit.SERVER or not each.confirmed
    ]
    if not doubtful:
        return Remark(Tone.GOOD, "The server was the limit each time, and every edge was confirmed.")
    return Remark(Tone.DOUBTFUL, f"Of {listing(doubtful)} only a part is known; the evidence says why.")


def _tries(result: CapacityResult) -> Table:
    unit = result.plan.by.unit
    rows = [_try(result.plan, each) for each in result.tries]
    headings = ("try", "strategy", unit, f"{result.plan.percentile.label} ms", "missing", "outcome", "why")
    return Table("Every try, in the order in which they were made", headings, rows, frozenset({"try", *headings[2:5]}))


def _try(plan: CapacityPlan, each: Try) -> Row:
    cell = each.cell
    figures = ("", "") if cell is None else (milliseconds(plan.percentile.of(cell)), f"{cell.missing:,}")
    return Row(
        (f"{each.number}", each.strategy, f"{each.load:,}", *figures, each.outcome, each.reason), TONES[each.outcome]
    )
