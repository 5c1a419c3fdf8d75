"""Figures of what a delivery costs: the server's CPU time, that of peers, the swarm's, and idle connections."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.comparison import baseline_of, compare_arms
from bench.claims.medians import (
    OfCell,
    p50_lower_ms,
    p50_ms,
    p99_lower_ms,
    p99_ms,
    server_cpu_us,
    spread,
    swarm_cpu_us,
    valid_cells,
)
from bench.claims.stored_results import StoredResults
from bench.model.summary import Cell, Summary
from bench.presentation.comparison_wording import ratio_and_interval, saturation
from bench.presentation.connections_answer import connections_table
from bench.presentation.figures.writing import code, ms, prose, table
from bench.presentation.markdown import table_in_markdown
from bench.presentation.table import Column
from loadtest.ledger.percentile_support import may_support
from loadtest.ledger.validity_limits import is_wide_bracket

PEER = "bun"
PEER_CAMPAIGNS = ("peer-bun-100", "peer-bun-400", "peer-bun-800")
SWARM_CAMPAIGNS = (
    *("swarm-500x100", "swarm-500x800", "swarm-500x2000", "swarm-500x3000"),
    *("swarm-5000x10", "swarm-10000x2"),
)
SWARM_SCENARIO = "swarm-windows"
SWARM_HEADINGS = (
    Column("load"),
    "deliveries/s",
    Column("server"),
    *(
        "swarm CPU, us a delivery",
        "of its core, %",
        "schedule lag p99, ms",
        "read lag p99, ms",
        "memory, MiB",
        "missing",
    ),
)


def server_cost(results: StoredResults, campaign: str) -> str:
    """Show the server's CPU time of a delivery for each arm, also as a multiple of the baseline's, and the latency."""
    summary = results.summary(campaign)
    (users,) = summary.plan.workload.users
    cells = {arm.label: valid_cells(summary, arm.label, users) for arm in summary.plan.arms}
    cpu = {label: spread(each, server_cpu_us, "server CPU time").median for label, each in cells.items()}
    baseline = baseline_of(summary.plan).label
    rows = [
        [
            code(label),
            f"{cpu[label]:.2f}",
            f"{cpu[label] / cpu[baseline]:.2f}",
            latency_over_blocks(cells[label], p50_lower_ms, p50_ms),
            latency_over_blocks(cells[label], p99_lower_ms, p99_ms),
            f"{sum(cell.missing for cell in cells[label]):,}",
            f"{len(cells[label])} of {summary.plan.blocks}",
        ]
        for label in sorted(cells, key=cpu.__getitem__)
    ]
    headings = ("server CPU, us a delivery", f"of {code(baseline)}", "p50 ms", "p99 ms", "missing", "valid blocks")
    return table([Column("strategy"), *headings], rows)


def peers(results: StoredResults) -> str:
    """Show `coalesced` beside a C++ server at several rates: CPU time, latencies, and the ratio of the p99.

    A latency, or a ratio, that is known as a wide bracket is shown as one.
    """
    rows = [_peer_row(results.summary(campaign)) for campaign in PEER_CAMPAIGNS]
    pairs = [f"{figure}: {who}" for figure in ("server CPU, us a delivery", "p50 ms", "p99 ms") for who in _SIDES]
    return table(["deliveries/s", *pairs, "p99, Bun / `coalesced`", "valid blocks"], rows)


_SIDES = ("`coalesced`", "Bun")


def _peer_row(summary: Summary) -> list[str]:
    (users,) = summary.plan.workload.users
    sides = [valid_cells(summary, name, users) for name in ("coalesced", PEER)]
    (compared,) = compare_arms(summary)
    return [
        f"{users * summary.plan.workload.room_rate:,.0f}",
        *(_server_cpu(cells) for cells in sides),
        *(latency_over_blocks(cells, p50_lower_ms, p50_ms) for cells in sides),
        *(latency_over_blocks(cells, p99_lower_ms, p99_ms) for cells in sides),
        ratio_and_interval(compared)[0],
        " and ".join(f"{len(cells)}" for cells in sides) + f" of {summary.plan.blocks}",
    ]


def _server_cpu(cells: list[Cell]) -> str:
    text = f"{spread(cells, server_cpu_us, 'server CPU time').median:.2f}"
    percent = max(cell.server.cpu_percent or 0 for cell in cells)
    return f"{text} (core full)" if percent >= FULL_CORE_PERCENT else text


FULL_CORE_PERCENT = 97


def swarm_cost(results: StoredResults) -> str:
    """Show what a delivery costs the swarm under each load."""
    rows = []
    for campaign in SWARM_CAMPAIGNS:
        summary = results.summary(campaign)
        (users,), (arm,) = summary.plan.workload.users, summary.plan.arms
        rate = summary.plan.workload.room_rate
        rows.append(_swarm_row(f"{users:,} users, {rate:g}/s", arm.label, valid_cells(summary, arm.label, users)))
    for row in results.scenario(SWARM_SCENARIO).rows:
        if row.cell:
            conditions = row.conditions
            load = f"{conditions.users:,} users, {conditions.room_rate:g}/s, windows without a pause"
            rows.append(_swarm_row(f"{load}, {conditions.duration_s:g} s", row.strategy, [row.cell]))
    return table(SWARM_HEADINGS, rows)


def swarm_big_messages(results: StoredResults, campaign: str) -> str:
    """Show what a delivery costs the swarm by the size of messages."""
    rows = [
        _swarm_row(f"{row.conditions.message_size:,} B", row.strategy, [row.cell])
        for row in results.scenario(campaign).rows
        if row.cell
    ]
    return table(SWARM_HEADINGS, rows)


def _swarm_row(load: str, server: str, cells: list[Cell]) -> list[str]:
    return [
        load,
        f"{spread(cells, lambda cell: cell.deliveries_per_s, 'rate').median:,.0f}",
        code(server),
        f"{spread(cells, swarm_cpu_us, 'CPU time').median:.2f}",
        f"{spread(cells, lambda cell: cell.generator.cpu_percent, 'CPU time').median:.0f}",
        _lag_p99(cells, lambda cell: cell.generator.schedule_lag_p99_ms),
        _lag_p99(cells, lambda cell: cell.generator.read_lag_p99_ms),
        f"{max(cell.generator.rss_mib for cell in cells):,.0f}",
        f"{sum(cell.missing for cell in cells):,}",
    ]


def _lag_p99(cells: Sequence[Cell], of_cell: OfCell) -> str:
    """Show the p99 of a lag, if there are messages enough for one: how late a message is read, all its copies are."""
    is_carried = all(may_support(99, cell.offered_messages) for cell in cells)
    return ms(spread(cells, of_cell, "lag").median) if is_carried else "-"


def connections(results: StoredResults, campaign: str) -> str:
    """Show what idle connections cost each server."""
    return table_in_markdown(connections_table(results.connections(campaign).servers))


def connections_crowd(results: StoredResults, campaign: str) -> str:
    """Say how many members joined and vanished."""
    first = results.connections(campaign).servers[0]
    return prose(f"{first.members:,} idle members on one core, of which {first.vanished:,} vanish and join again.")


def latency_over_blocks(cells: Sequence[Cell], of_lower: OfCell, of_cell: OfCell) -> str:
    """Show a latency's median and range over blocks.

    Where the median is known as a wide bracket, so is the range: from the least lower end to the greatest upper one.
    What is saturated says so.
    """
    lower, found = spread(cells, of_lower, "latency"), spread(cells, of_cell, "latency")
    if is_wide_bracket(lower.median, found.median):
        text = f"between {ms(lower.low)} and {ms(found.high)}"
    elif len(cells) == 1:
        text = ms(found.median)
    else:
        text = f"{ms(found.median)} ({ms(found.low)} to {ms(found.high)})"
    return text + saturation(cells)
