"""Figures of campaigns that compare strategies: ratios, costs of a message, verdicts, and the README's answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bench.analysis.comparison import Comparison, compare_arms
from bench.analysis.cost_model import cost_models
from bench.analysis.max_users import max_users_within_slo
from bench.analysis.paired_tests import blocks_needed
from bench.analysis.verdict import Verdict
from bench.claims.medians import server_cpu_us, spread, valid_cells
from bench.claims.stored_results import StoredResults
from bench.errors import FiguresError
from bench.model.environment import Environment, Yardstick
from bench.model.summary import Summary
from bench.presentation.comparison_wording import (
    NO_INTERVAL,
    p99_in_words,
    ratio_and_interval,
    ratio_in_words,
    saturation,
    span,
    verdict_in_words,
    verdicts,
)
from bench.presentation.figures.writing import code, prose, table
from bench.presentation.markdown import table_in_markdown
from bench.presentation.report.cost_tables import cost_by_users_table, cost_finding, cost_model_table
from bench.presentation.report.yardstick_table import yardstick_text
from bench.presentation.table import Column
from bench.presentation.text import listed_numbers

HOW: Mapping[str, str] = MappingProxyType(
    {
        "coalesced": "one frame for all; one write per member for all messages of one turn of the event loop",
        "direct": "each member's send is awaited in turn",
        "queue": "room queue, dispatcher, a queue and a sender for each member: the architecture of the article behind "
        "this project",
        "gather": "all sends at once with `asyncio.gather`: a task for each member and message",
    }
)
FAMILIES = (1, 5, 10, 18, 25, 50)

SAME_SPEED = 1.1
SHORT_ID = 7

ARRIVALS = MappingProxyType({"constant": "evenly spaced messages", "poisson": "messages at Poisson times"})


def answer(results: StoredResults, campaign: str) -> str:
    """Say what the README answers: whether to choose `coalesced`, its p99, and how it compares with `direct`.

    With as many users as give their ratio an interval; then what `direct` does with more, if it is saturated.
    """
    summary = results.summary(campaign)
    workload = summary.plan.workload
    rate, arrivals = workload.room_rate, ARRIVALS[workload.arrival]
    ones = [one for one in compare_arms(summary) if one.arm == "coalesced" and one.baseline == "direct"]
    bounded = [one for one in ones if one.low > 0 and one.high < math.inf]
    if not bounded:
        raise FiguresError(f"{campaign} has no ratio of 'coalesced' to 'direct' with an interval; measure both")
    one = bounded[-1]
    cells, others = (valid_cells(summary, name, one.users) for name in (one.arm, one.baseline))
    cpu = [spread(each, server_cpu_us, "server CPU time").median for each in (cells, others)]
    choice = f"At {rate:g} messages a second, choose `coalesced`." if one.verdict is Verdict.FASTER else ""
    return prose(
        f"{choice} With {one.users:,} users, {one.users * rate:,.0f} deliveries a second, the p99 of `coalesced`",
        f"is {p99_in_words(cells)} ms, that of `direct` {_inverse_in_words(one)} times as long",
        f"(95 % interval {span(1 / one.high, 1 / one.low)}, {one.blocks_used} blocks);",
        f"it takes {cpu[0] / cpu[1]:.2f} times the CPU time of `direct`",
        f"({arrivals}, {rate * workload.duration_s:,.0f} a window).",
        *(_beyond(summary, more.users) for more in ones if more.users > one.users),
    )


def _beyond(summary: Summary, users: int) -> str:
    """Say what `coalesced` does where `direct` is saturated in most blocks; nothing where it is not."""
    cells, others = (valid_cells(summary, name, users) for name in ("coalesced", "direct"))
    if 2 * sum(cell.saturated for cell in others) <= len(others):
        return ""
    if 2 * sum(cell.saturated for cell in cells) > len(cells):
        return f"With {users:,} users both are saturated."
    return f"With {users:,} users `direct` is saturated, and the p99 of `coalesced` is {p99_in_words(cells)} ms."


def _inverse_in_words(one: Comparison) -> str:
    """Write how many times as long the baseline takes, as a bracket where it is wide."""
    return ratio_in_words(1 / one.ratio, 1 / one.ratio_high, 1 / one.ratio_low if one.ratio_low else math.inf)


def strategies(results: StoredResults, campaign: str) -> str:
    """Show each strategy, how it works, and the most of a campaign's user counts that it serves within the SLO."""
    summary = results.summary(campaign)
    plan = summary.plan
    most = {arm.label: max_users_within_slo(summary, arm.label) for arm in plan.arms}
    counts = listed_numbers(plan.workload.users)
    return table(
        [
            Column("strategy"),
            Column("how a message reaches everybody"),
            f"of {counts} users, within a p99 of {plan.slo_ms:g} ms",
        ],
        [
            [code(label), HOW.get(label, ""), _at_least(most[label].users, plan.workload.users[-1])]
            for label in sorted(most, key=lambda label: -most[label].users)
        ],
    )


def _at_least(users: int, highest: int) -> str:
    return f"at least {users:,}" if users == highest else f"{users:,}"


def ratios(results: StoredResults, campaign: str, strategy: str) -> str:
    """Show a strategy's p99 as a multiple of the baseline's at each user count, with interval and verdict."""
    ones = [one for one in compare_arms(results.summary(campaign)) if one.arm == strategy]
    if not ones:
        raise FiguresError(f"{campaign} does not compare {strategy!r}; name one of its strategies")
    rows = {
        f"{code(strategy)} / {code(ones[0].baseline)}": [ratio_and_interval(one)[0] for one in ones],
        "95 % interval": [ratio_and_interval(one)[1] for one in ones],
        "verdict": [verdict_in_words(one) for one in ones],
    }
    columns: list[Column | str] = [Column("users"), *(f"{one.users:,}" for one in ones)]
    return table(columns, [[name, *cells] for name, cells in rows.items()])


def cost_findings(results: StoredResults, campaign: str) -> str:
    """Say for each strategy whether the cost of a message grows with the room."""
    return prose(*map(cost_finding, cost_models(results.summary(campaign))))


def cost_model(results: StoredResults, campaign: str) -> str:
    """Show the fixed cost of a message and the cost per member, as the report does."""
    return table_in_markdown(cost_model_table(cost_models(results.summary(campaign))))


def cost_by_users(results: StoredResults, campaign: str) -> str:
    """Show the cost of a message at each user count, as the report does."""
    return table_in_markdown(cost_by_users_table(cost_models(results.summary(campaign))))


def side_by_side(results: StoredResults, one: str, other: str) -> str:
    """Show the p99 and its ratio to the baseline in two campaigns, wherever both measured a strategy.

    Where the cores of one were faster, on another machine or at another hour, both yardsticks are said, and where they
    are of different commits, both commits.
    """
    summaries = [results.summary(campaign) for campaign in (one, other)]
    ratio_of = [{(each.arm, each.users): each for each in compare_arms(summary)} for summary in summaries]
    measured = [{(cell.strategy, cell.users) for cell in summary.cells if cell.valid} for summary in summaries]
    rows = []
    for arm in summaries[0].plan.arms:
        for users in summaries[0].plan.workload.users:
            place = arm.label, users
            if all(place in places for places in measured):
                cells = [valid_cells(summary, *place) for summary in summaries]
                p99 = [p99_in_words(each) + saturation(each) for each in cells]
                compared = [of_campaign.get(place) for of_campaign in ratio_of]
                rows.append([code(arm.label), f"{users:,}", *p99, *map(_with_interval, compared)])
    headings = (f"{what}: {code(campaign)}" for what in ("p99 ms", "ratio") for campaign in (one, other))
    shown = table([Column("strategy"), "users", *headings], rows)
    environments = [summary.environment for summary in summaries]
    speeds = _speeds(environments[0].yardstick, environments[1].yardstick, (one, other))
    return "\n\n".join(filter(None, [shown, speeds, _commits(environments, (one, other))]))


def _commits(environments: Sequence[Environment], names: tuple[str, str]) -> str:
    """Say of which commit each campaign is, unless it is one and the same."""
    commits = ["unknown" if each.commit is None else each.commit.id[:SHORT_ID] for each in environments]
    if commits[0] == commits[1]:
        return ""
    return prose(f"{code(names[0])} is of commit {commits[0]}, {code(names[1])} of commit {commits[1]}.")


def _speeds(one: Yardstick | None, other: Yardstick | None, names: tuple[str, str]) -> str:
    """Say how fast the cores were in two campaigns, if those of one were more than 10 % slower."""
    if not one or not other or max(one.times_slower_than(other), other.times_slower_than(one)) <= SAME_SPEED:
        return ""
    return prose(
        "The cores were not equally fast, so compare ratios only:",
        f"in {code(names[0])} {yardstick_text(one)}; in {code(names[1])} {yardstick_text(other)}.",
    )


def _with_interval(one: Comparison | None) -> str:
    if one is None:
        return "1"
    ratio, interval = ratio_and_interval(one)
    return ratio if interval == NO_INTERVAL else f"{ratio} ({interval})"


def found(results: StoredResults, campaign: str) -> str:
    """Say in sentences what a campaign's comparisons show."""
    return prose(*(f"{sentence}." for sentence in verdicts(results.summary(campaign))))


def blocks_for_a_claim(_results: StoredResults) -> str:
    """Show how many blocks to plan for families of several sizes; needs no result."""
    needed = [f"{blocks_needed(comparisons)}" for comparisons in FAMILIES]
    return table([Column("comparisons in the family"), *map(str, FAMILIES)], [["blocks to plan", *needed]])
