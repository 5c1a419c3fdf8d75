"""How a claim's figure is read from the result of its campaign: a function for each kind of figure."""

from __future__ import annotations

import inspect
import math
import statistics
from collections.abc import Callable, Mapping
from types import MappingProxyType

from bench.analysis.comparison import compare_arms
from bench.analysis.cost_model import cost_models
from bench.analysis.max_users import max_users_within_slo
from bench.analysis.verdict import Verdict
from bench.capacity.result import Limit
from bench.claims.manifest import Claim
from bench.claims.medians import (
    p99_ms,
    server_cpu_us,
    spread,
    swarm_cpu_us,
    valid_cells,
)
from bench.claims.reading import Reading
from bench.claims.stored_results import StoredResults
from bench.errors import ManifestError, NoFigureError
from bench.model.summary import or_infinite

CLAIMED = (Verdict.FASTER, Verdict.SLOWER, Verdict.DIFFERS)


def read(claim: Claim, results: StoredResults) -> Reading:
    """Read a claim's figure from results.

    Raises:
        NotStoredError: its campaign has no result there.
        NoFigureError: the result has no valid figure.
        ManifestError: the claim names no reader, or one with other parameters.

    """
    if claim.reader not in READERS:
        raise ManifestError(f"claim {claim.id!r} has the unknown reader {claim.reader!r}; choose {', '.join(READERS)}")
    reader = READERS[claim.reader]
    try:
        bound = inspect.signature(reader).bind(results, claim.campaign, **claim.parameters)
    except TypeError as error:
        raise ManifestError(f"claim {claim.id!r} does not fit its reader {claim.reader!r}: {error}") from error
    return reader(*bound.args, **bound.kwargs)


def latency_ratio(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read the p99 of a strategy as a multiple of the baseline's; written as how many times as slow, or as fast."""
    comparisons = compare_arms(results.summary(campaign))
    found = [one for one in comparisons if (one.arm, one.users) == (strategy, users)]
    if not found or math.isnan(found[0].ratio):
        raise NoFigureError(f"{strategy} is not compared at {users:,} users")
    (one,) = found
    if one.ratio in (0, math.inf):
        return Reading(one.ratio, "no factor", "faster" if one.ratio < 1 else "slower")
    is_bounded = one.low > 0 or one.high < math.inf
    times = 1 / one.ratio if 0 < one.ratio < 1 else one.ratio
    return Reading(
        one.ratio,
        f"{times:.2f}" if times < 10 else f"{times:,.0f}",
        "faster" if one.ratio < 1 else "slower",
        one.low if is_bounded else None,
        one.high if is_bounded else None,
    )


def differences_found(results: StoredResults, campaign: str) -> Reading:
    """Count the comparisons of a campaign in which a difference is claimed."""
    comparisons = compare_arms(results.summary(campaign))
    number = sum(one.verdict in CLAIMED for one in comparisons)
    return Reading(number, f"{number:,} of {len(comparisons):,}", "some" if number else "none")


def p99(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read the p99 of the delivery latency: the median over blocks, in milliseconds."""
    found = spread(valid_cells(results.summary(campaign), strategy, users), p99_ms, "p99")
    return Reading(found.median, _milliseconds(found.median), "", found.low, found.high)


def server_cpu(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read the server's CPU time of a delivery: the median over blocks, in microseconds."""
    cells = valid_cells(results.summary(campaign), strategy, users)
    found = spread(cells, server_cpu_us, "server CPU time")
    return Reading(found.median, f"{found.median:.1f}", "", found.low, found.high)


def server_cpu_ratio(results: StoredResults, campaign: str, strategy: str, baseline: str, users: int) -> Reading:
    """Read the server's CPU time of a delivery as a share of another strategy's: medians over blocks."""
    of_both = [server_cpu(results, campaign, name, users).value for name in (strategy, baseline)]
    ratio = of_both[0] / of_both[1]
    return Reading(ratio, f"{ratio:.2f}", "less" if ratio < 1 else "more")


def swarm_cpu(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read the swarm's CPU time of a delivery: the median over blocks, in microseconds."""
    cells = valid_cells(results.summary(campaign), strategy, users)
    found = spread(cells, swarm_cpu_us, "swarm CPU time")
    return Reading(found.median, f"{found.median:.1f}", "", found.low, found.high)


def cost_per_member(results: StoredResults, campaign: str, strategy: str) -> Reading:
    """Read what each member adds to the server's CPU time of a message, in microseconds: above 0 it is O(n)."""
    found = [each for each in cost_models(results.summary(campaign)) if each.strategy == strategy]
    if not found:
        raise NoFigureError(f"{strategy} has too few valid cells for a cost model: two blocks of three user counts")
    (model,) = found
    value = model.cost.per_member_us
    side = "O(n)" if model.grows else "O(1) not excluded"
    return Reading(value, f"{value:.2f}", side, model.per_member_low_us, model.per_member_high_us)


def max_users(results: StoredResults, campaign: str, strategy: str) -> Reading:
    """Read the largest of a campaign's user counts within the SLO."""
    most = max_users_within_slo(results.summary(campaign), strategy)
    if not most.users and most.unknown:
        raise NoFigureError(f"whether {strategy} is within the SLO is not known at any user count")
    return Reading(most.users, f"{most.users:,}")


def capacity(results: StoredResults, campaign: str, strategy: str) -> Reading:
    """Read the maximum load within the SLO, from where all tries are within it to where all fail."""
    found = [each for each in results.capacity(campaign).capacities if each.strategy == strategy]
    if not found or not found[0].held:
        raise NoFigureError(f"{strategy} has no load within the SLO")
    (one,) = found
    is_edge = one.limited_by is Limit.SERVER
    text = f"{one.held:,}" if is_edge else f"at least {one.held:,}"
    return Reading(one.held, text, "", one.low, one.high if is_edge and one.high else math.inf)


def healthy_p99(results: StoredResults, campaign: str, strategy: str, stalled: int) -> Reading:
    """Read the p99 of the healthy members of a room in which others stall; they are isolated if it is in the SLO."""
    rows = [
        row
        for row in results.scenario(campaign).rows
        if (row.strategy, row.conditions.stalled) == (strategy, stalled) and row.valid and row.cell
    ]
    if not rows:
        raise NoFigureError(f"{strategy} has no valid run with {stalled} stalled members")
    value = statistics.median(or_infinite(row.cell.latency_ms.p99) for row in rows if row.cell)
    isolated = value <= rows[0].conditions.slo_ms
    return Reading(value, _milliseconds(value), "isolated" if isolated else "not isolated")


def as_expected(results: StoredResults, campaign: str) -> Reading:
    """Count the figures of a self-test that are as expected; all have to be."""
    result = results.selftest(campaign)
    number, whole = len(result.results) - result.unexpected, not result.unexpected and not result.untested
    return Reading(number, f"{number} of {len(result.results)}", "all" if whole and number else "not all")


def checks_agreeing(results: StoredResults, campaign: str) -> Reading:
    """Count the checks of the swarm that agree with the observers; all have to."""
    checks = [each for each in results.cross_check(campaign).checks if each.reported.generator == "swarm"]
    number = sum(each.agrees for each in checks)
    whole = number == len(checks) > 0
    return Reading(number, f"{number} of {len(checks)}", "all" if whole else "not all")


def _milliseconds(value: float) -> str:
    if math.isinf(value):
        return "never"
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


Reader = Callable[..., Reading]

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        each.__name__.replace("_", "-"): each
        for each in (
            *(latency_ratio, differences_found, p99, server_cpu, server_cpu_ratio, swarm_cpu),
            *(cost_per_member, max_users, capacity, healthy_p99, as_expected, checks_agreeing),
        )
    }
)
"""The names that claims give as their `reader`."""
