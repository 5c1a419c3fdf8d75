"""How a claim's figure is read from the result of its campaign: a function for each kind of figure."""

from __future__ import annotations

import inspect
import itertools
import math
import statistics
from collections.abc import Callable, Mapping
from types import MappingProxyType

from bench.analysis.comparison import Comparison, compare_arms
from bench.analysis.cost_model import CostModel, cost_models, is_usable
from bench.analysis.max_users import max_users_within_slo
from bench.analysis.verdict import Verdict
from bench.capacity.result import Limit
from bench.claims.manifest import Claim
from bench.claims.medians import (
    p99_lower_ms,
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
from loadtest.ledger.validity_limits import is_wide_bracket

CLAIMED = (Verdict.FASTER, Verdict.SLOWER, Verdict.DIFFERS)
UNDECIDED = (
    *(Verdict.TOO_FEW_BLOCKS, Verdict.TOO_FEW_VALID_BLOCKS, Verdict.NOT_MEASURED),
    Verdict.WIDE_BRACKETS,
)


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
    side, is_decided = _side(one), one.verdict not in UNDECIDED
    if one.ratio in (0, math.inf):
        return Reading(one.ratio, "no factor", side, is_decided=is_decided)
    has_interval = one.low > 0 and one.high < math.inf
    ends = (one.ratio_low, one.ratio_high) if one.ratio >= 1 else (1 / one.ratio_high, 1 / one.ratio_low)
    return Reading(
        one.ratio,
        _bracketed(*ends, max(one.ratio, 1 / one.ratio), _times),
        side,
        one.low if has_interval else None,
        one.high if has_interval else None,
        is_decided,
    )


def _side(one: Comparison) -> str:
    """Return what the comparison's verdict says, not its estimate."""
    if one.verdict in CLAIMED:
        return "faster" if one.ratio < 1 else "slower"
    return str(Verdict.NO_DIFFERENCE)


def differences_found(results: StoredResults, campaign: str) -> Reading:
    """Count the comparisons of a campaign in which a difference is claimed."""
    comparisons = compare_arms(results.summary(campaign))
    number = sum(one.verdict in CLAIMED for one in comparisons)
    return Reading(number, f"{number:,} of {len(comparisons):,}", "some" if number else "none")


def p99(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read the p99 of the delivery latency: the median over blocks, in milliseconds."""
    cells = valid_cells(results.summary(campaign), strategy, users)
    found, lower = spread(cells, p99_ms, "p99"), spread(cells, p99_lower_ms, "p99")
    text = _bracketed(lower.median, found.median, found.median, _milliseconds)
    return Reading(found.median, text, "", lower.low, found.high)


def server_cpu(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read the server's CPU time of a delivery: the median over blocks, in microseconds."""
    cells = valid_cells(results.summary(campaign), strategy, users)
    found = spread(cells, server_cpu_us, "server CPU time")
    return Reading(found.median, f"{found.median:.1f}", "", found.low, found.high)


def server_cpu_ratio(results: StoredResults, campaign: str, strategy: str, baseline: str, users: int) -> Reading:
    """Read the server's CPU time of a delivery as a share of another strategy's: medians over blocks."""
    cells = [valid_cells(results.summary(campaign), name, users) for name in (strategy, baseline)]
    if not all(map(is_usable, itertools.chain(*cells))):
        raise NoFigureError(f"with {users:,} users a server was short of CPU time, and so took less than it needs")
    of_both = [spread(each, server_cpu_us, "server CPU time").median for each in cells]
    ratio = of_both[0] / of_both[1]
    return Reading(ratio, f"{ratio:.2f}", "less" if ratio < 1 else "more")


def swarm_cpu(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read the swarm's CPU time of a delivery: the median over blocks, in microseconds."""
    cells = valid_cells(results.summary(campaign), strategy, users)
    found = spread(cells, swarm_cpu_us, "swarm CPU time")
    return Reading(found.median, f"{found.median:.1f}", "", found.low, found.high)


def cost_per_member(results: StoredResults, campaign: str, strategy: str) -> Reading:
    """Read what each member adds to the server's CPU time of a message, in microseconds: above 0 it is O(n)."""
    model = _cost_model(results, campaign, strategy)
    if not model.is_line:
        raise NoFigureError(f"no line describes the cost of {strategy}: it would be off by {100 * model.misfit:.0f} %")
    value = model.cost.per_member_us
    side = "O(n)" if model.grows else "O(1) not excluded"
    return Reading(value, f"{value:.2f}", side, model.per_member_low_us, model.per_member_high_us)


def cost_growth(results: StoredResults, campaign: str, strategy: str, users: int) -> Reading:
    """Read how many times the CPU time of a message it is, at so many users, that it is at the fewest measured."""
    model = _cost_model(results, campaign, strategy)
    found = [at for at in model.of_sizes if at.members == users]
    if not found:
        raise NoFigureError(f"the cost of {strategy} at {users:,} users is not known")
    value = found[0].cpu_us / model.of_sizes[0].cpu_us
    return Reading(value, f"{value:.1f}", "O(n)" if model.grows else "O(1) not excluded")


def _cost_model(results: StoredResults, campaign: str, strategy: str) -> CostModel:
    found = [each for each in cost_models(results.summary(campaign)) if each.strategy == strategy]
    if not found:
        raise NoFigureError(f"{strategy} has too few valid cells for a cost model: two blocks of three user counts")
    return found[0]


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
    if found[0].limited_by in (Limit.DOUBT, Limit.UNFINISHED):
        raise NoFigureError(f"the search for {strategy} ended before a limit was known: {found[0].evidence}")
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


def _bracketed(low: float, high: float, value: float, write: Callable[[float], str]) -> str:
    """Write a figure, or the bracket that it lies in where that is wide."""
    return f"{write(low)} to {write(high)}" if is_wide_bracket(low, high) else write(value)


def _times(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


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
            *(cost_per_member, cost_growth, max_users, capacity, healthy_p99, as_expected, checks_agreeing),
        )
    }
)
"""The names that claims give as their `reader`."""
