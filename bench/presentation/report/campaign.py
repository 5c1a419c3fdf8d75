"""The report of a campaign: what `compare` wrote, read again."""

from __future__ import annotations

from pathlib import Path

from bench.analysis.comparison import compare_arms
from bench.analysis.cost_model import cost_models
from bench.claims.stored_results import MEASURED, StoredResults
from bench.model.plan import Plan
from bench.model.summary import Summary
from bench.presentation.attempts_wording import attempts_table
from bench.presentation.charts.captions import CAPTIONS
from bench.presentation.charts.gallery import Gallery, draw_all
from bench.presentation.comparison_answer import footnotes, remarks, users_table
from bench.presentation.comparison_wording import verdicts
from bench.presentation.max_users_wording import slo_finding
from bench.presentation.report.campaign_remarks import campaign_remarks
from bench.presentation.report.campaign_tables import comparisons_table
from bench.presentation.report.cost_tables import cost_by_users_table, cost_finding, cost_model_table
from bench.presentation.report.environment import environment_section, machine_remarks
from bench.presentation.report.page import Chart, Page, Section
from bench.presentation.report.reproduce import compare_command, reproduce_section
from bench.presentation.report.yardstick_table import yardstick_table
from bench.presentation.table import Column, Row, Table
from bench.presentation.text import arrivals, counted, in_rooms, listed_numbers, listing
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.distributions import read_distributions
from bench.validation.live_cost import FILE as LIVE_COST

HEALTH = "run_health"


def campaign_page(directory: Path) -> Page:
    """Write the report of a campaign.

    Raises:
        ResultsError: a file is missing, damaged, or of another format.

    """
    store = CampaignFolder(directory)
    summary = store.read_summary()
    gallery = draw_all(summary, read_distributions(directory, summary.cells), store.charts)
    plan, workload = summary.plan, summary.plan.workload
    charts = _charts(gallery)
    return Page(
        title=f"{listing([arm.label for arm in plan.arms])} with {listed_numbers(workload.users)} users",
        subtitle=f"{workload.room_rate:g} messages a second ({arrivals(workload.arrival)}) of {workload.message_size} "
        f"bytes {in_rooms(plan.rooms)}, {workload.duration_s:g} s a window, {counted(plan.blocks, 'block')}, "
        f"{summary.environment.time[:10]}",
        verdict=[f"{sentence}." for sentence in (slo_finding(summary), *verdicts(summary))],
        remarks=[*campaign_remarks(summary), *machine_remarks(summary.environment)],
        sections=[
            _evidence(summary, charts, gallery.left_out),
            _health(summary, charts),
            environment_section(summary.environment),
            reproduce_section(_command(directory, plan), summary.environment),
        ],
    )


def _command(directory: Path, plan: Plan) -> str:
    """Return the command to run again: of `compare`, unless a program of the validation stored what it needs."""
    stored = StoredResults(directory.parent)
    if (directory / LIVE_COST).exists() and (directory / MEASURED).exists():
        return f"python -m {stored.measured(directory.name).command}"
    return compare_command(plan)


def _charts(gallery: Gallery) -> dict[str, Chart]:
    """Put the charts into the order of their captions."""
    drawn = {one.name: one for one in gallery.drawn}
    return {
        name: Chart(name, drawn[name].finding, caption, drawn[name].svg)
        for name, caption in CAPTIONS.items()
        if name in drawn
    }


def _evidence(summary: Summary, charts: dict[str, Chart], left_out: dict[str, str]) -> Section:
    missing = [f"{name.replace('_', ' ')}: {reason}" for name, reason in left_out.items()]
    comparisons, costs, in_yardsticks = compare_arms(summary), cost_models(summary), yardstick_table(summary)
    medians = ", medians over the valid blocks" if summary.plan.blocks > 1 else ""
    slo = f"p99 <= {summary.plan.slo_ms:g} ms and every delivery once and in order"
    left_out_charts = [f"Charts left out: {'; '.join(missing)}."] if missing else []
    return Section(
        "Evidence",
        [*footnotes(summary), *left_out_charts, *map(cost_finding, costs)],
        [
            users_table(summary, in_full=True).captioned(
                f"Every strategy at every user count{medians}; the SLO is {slo}"
            ),
            *([comparisons_table(comparisons)] if comparisons else []),
            *([cost_model_table(costs), cost_by_users_table(costs)] if costs else []),
            *([in_yardsticks] if in_yardsticks else []),
        ],
        [chart for name, chart in charts.items() if name != HEALTH],
    )


def _health(summary: Summary, charts: dict[str, Chart]) -> Section:
    faults = tuple(Row((text,)) for text in remarks(summary))
    return Section(
        "Run health",
        [] if faults else ["No cell is invalid, none has a warning, and all were measured."],
        [
            *([Table("Invalid cells, warnings, and what was not measured", (Column(),), faults)] if faults else []),
            *([attempts_table(summary)] if summary.attempts else []),
        ],
        [charts[HEALTH]] if HEALTH in charts else [],
    )
