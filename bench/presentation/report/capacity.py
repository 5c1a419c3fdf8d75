"""The report of a capacity search: what `capacity` wrote, read again."""

from __future__ import annotations

from pathlib import Path

from bench.capacity.result import Axis, CapacityPlan, CapacityResult, Limit, Try, read_capacity
from bench.capacity.search import Outcome
from bench.presentation.capacity_answer import capacity_answer
from bench.presentation.charts.capacity import draw_capacity
from bench.presentation.report.environment import environment_section, machine_remarks
from bench.presentation.report.page import Chart, Page, Remark, Section
from bench.presentation.report.reproduce import command, plain, reproduce_section, workload_flags
from bench.presentation.table import Column, Row, Table, Tone, numbers
from bench.presentation.text import listing, milliseconds

LOOK_AT = (
    "Look whether two brackets overlap: if they do, the search does not tell which capacity is larger. Where a bracket "
    "lies below what the FIFO queue predicts, something other than CPU time delays messages."
)
TONES = {Outcome.HELD: Tone.GOOD, Outcome.FAILED: Tone.BAD, Outcome.DOUBTFUL: Tone.DOUBTFUL}


def capacity_page(directory: Path) -> Page:
    """Write the report of a search.

    Raises:
        ResultsError: `capacity.json` is damaged, or of another format.

    """
    result = read_capacity(directory)
    plan = result.plan
    answer = capacity_answer(result)
    drawn = draw_capacity(result, directory / "charts")
    return Page(
        title=f"Capacity of {listing([arm.label for arm in plan.arms])} in {plan.by.unit}",
        subtitle=f"within {plan.slo}, every delivery once and in order, {result.environment.time[:10]}",
        verdict=list(answer.sentences),
        remarks=[_certainty(result), *machine_remarks(result.environment)],
        sections=[
            Section(
                "Evidence",
                list(answer.remarks),
                [answer.table.captioned("The capacity of each strategy")],
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


def _certainty(result: CapacityResult) -> Remark:
    uncertain = [
        each.strategy for each in result.capacities if each.limited_by is not Limit.SERVER or not each.confirmed
    ]
    if not uncertain:
        return Remark(Tone.GOOD, "The server was the limit each time, and every capacity was confirmed.")
    return Remark(Tone.DOUBTFUL, f"The capacity of {listing(uncertain)} is known in part only; the evidence says why.")


def _tries(result: CapacityResult) -> Table:
    plan = result.plan
    columns = (
        *numbers("try"),
        Column("strategy"),
        *numbers(plan.by.unit, f"{plan.percentile.label} ms", "missing"),
        Column("outcome", shows_tone=True),
        Column("why"),
    )
    return Table(
        "Every try, in the order in which they were made", columns, tuple(_try(plan, one) for one in result.tries)
    )


def _try(plan: CapacityPlan, one: Try) -> Row:
    cell = one.cell
    figures = ("", "") if cell is None else (milliseconds(plan.percentile.of(cell.latency_ms)), f"{cell.missing:,}")
    return Row(
        (f"{one.number}", one.strategy, f"{one.load:,}", *figures, one.outcome.label, one.reason), TONES[one.outcome]
    )
