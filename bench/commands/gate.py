"""The subcommand `gate`: whether a campaign may pass."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.analysis.environment_diff import machine_differences, software_differences
from bench.commands.exit_codes import FAILED, INVALID
from bench.commands.options import user_counts
from bench.errors import VariantError
from bench.gate.between_campaigns import check_against_campaign
from bench.gate.check import Outcome, overall
from bench.gate.measures import MEASURES
from bench.gate.regression import Place
from bench.gate.slo import Slo, check_slo, parse_slo
from bench.gate.within_campaign import check_against_variant, pairs_of
from bench.model.plan import Arm, Plan, Workload
from bench.model.summary import Summary
from bench.presentation.gate_answer import BETWEEN_NOTES, WITHIN_NOTE, gate_in_markdown, gate_verdict
from bench.presentation.text import listing
from bench.presentation.window_wording import too_few_messages
from bench.storage.campaign_folder import CampaignFolder

EXIT_CODES = {Outcome.PASSED: 0, Outcome.FAILED: FAILED, Outcome.UNDECIDED: INVALID}
DEFAULT_ALLOWANCE = {"--against": 0.05, "--baseline": 0.1}
CAMPAIGN = click.Path(exists=True, file_okay=False, path_type=Path)


def _slos(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> list[Slo]:
    try:
        return [parse_slo(text) for text in value]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _share(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    words = re.fullmatch(r"(\d+(?:\.\d+)?) *%", value)
    if not words:
        raise click.BadParameter(f"invalid share {value!r}; write it in percent, such as 10%")
    return float(words[1]) / 100


@click.command
@click.argument("directory", metavar="DIR", type=CAMPAIGN)
@click.option(
    "--slo",
    "slos",
    multiple=True,
    callback=_slos,
    metavar="SLO",
    help="A bound to keep in every block, such as 'p99<50ms' or 'missing==0'; may be given more than once.",
)
@click.option(
    "--variant",
    metavar="NAME",
    help="What is judged with --against: a label of the campaign, or a revision for all strategies at it.",
)
@click.option(
    "--against", metavar="NAME", help="The variant of the same campaign that --variant must not be worse than."
)
@click.option(
    "--baseline", type=CAMPAIGN, metavar="DIR", help="An earlier campaign that this one must not be worse than."
)
@click.option(
    "--max-regression",
    callback=_share,
    help="How much worse is allowed.  [default: 5% with --against, 10% with --baseline]",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    default=("p99",),
    type=click.Choice([name for name, measure in MEASURES.items() if not measure.is_count]),
    help="What is compared; may be given more than once.",
)
@click.option("--strategies", metavar="NAMES", help="Check these only, as in direct,queue.  [default: all]")
@click.option(
    "--users",
    callback=lambda context, parameter, value: value and user_counts(context, parameter, value),
    metavar="COUNTS",
    help="Check these user counts only.  [default: all]",
)
@click.option("--allow-different-machine", is_flag=True, help="Accept a baseline from another machine.")
@click.option(
    "--allow-different-plan", is_flag=True, help="Accept a baseline of another load; what both have is compared."
)
def gate(
    directory: Path,
    slos: list[Slo],
    variant: str | None,
    against: str | None,
    baseline: Path | None,
    max_regression: float | None,
    metrics: tuple[str, ...],
    strategies: str | None,
    users: tuple[int, ...] | None,
    allow_different_machine: bool,
    allow_different_plan: bool,
) -> None:
    """Decide whether the campaign in DIR may pass, and print why as Markdown.

    A change is judged within one campaign that ran both sides (`compare --revision`): --variant HEAD --against main.
    An earlier campaign (--baseline) was run at another time, which alone can make it differ.

    Exit codes: 0 passed, 1 an SLO is missed or something is worse with confidence, 2 wrong use or a baseline that is
    refused, 3 undecided: too few blocks, or invalid figures.
    """
    if (variant is None) != (against is None):
        raise click.UsageError("--variant and --against belong together; give both, or neither")
    if not (slos or baseline or against):
        raise click.UsageError("there is nothing to check the campaign against; give --slo, --against or --baseline")
    if against and baseline:
        raise click.UsageError("--against is of the same campaign, --baseline of another; give one of them")
    if max_regression is not None and not (baseline or against):
        raise click.UsageError("--max-regression needs something to compare with; give --against or --baseline")
    summary = _read(directory)
    remarks: list[str] = []
    if variant is not None and against is not None:
        pairs = _pairs(summary.plan, variant, against, strategies)
        counts = _counts(summary.plan, users)
        allowed = DEFAULT_ALLOWANCE["--against"] if max_regression is None else max_regression
        checks = [check_slo(each, summary, new.label, count) for each in slos for new, _ in pairs for count in counts]
        checks += check_against_variant(summary, pairs, counts, dict.fromkeys(metrics), allowed)
        remarks += [f"{new.label} is compared with {old.label}" for new, old in pairs]
        remarks.append(WITHIN_NOTE)
    else:
        places = _places(summary.plan, strategies, users)
        checks = [check_slo(each, summary, *place) for each in slos for place in places]
    if baseline:
        earlier = _read(baseline)
        then, now = earlier.environment, summary.environment
        remarks += _accept("machine", machine_differences(then, now), allow_different_machine)
        remarks += _accept("plan", _plan_differences(earlier.plan, summary.plan, places), allow_different_plan)
        remarks += [f"Another version: {each}" for each in software_differences(then, now)]
        common = [place for place in places if place in _planned(earlier.plan)]
        if not common:
            raise click.UsageError(f"the baseline has nothing of {_names(places)}, so there is nothing to compare")
        allowed = DEFAULT_ALLOWANCE["--baseline"] if max_regression is None else max_regression
        checks += check_against_campaign(summary, earlier, common, dict.fromkeys(metrics), allowed)
        remarks += BETWEEN_NOTES
    used = [*(slo.name for slo in slos), *(metrics if baseline or against else ())]
    remarks += _shortages(summary.plan.workload, used)
    click.echo(gate_in_markdown(checks, remarks), nl=False)
    if not sys.stdout.isatty():
        click.echo(gate_verdict(checks), err=True)
    sys.exit(EXIT_CODES[overall(checks)])


def _shortages(workload: Workload, measures: Sequence[str]) -> list[str]:
    """Say for which percentiles, among those that were checked, windows have too few messages."""
    percentiles = sorted({each for name in measures if (each := MEASURES[name].percentile) is not None})
    shortages = [too_few_messages(workload, percentile) for percentile in percentiles]
    return [f"{shortage}; the checks use it anyway" for shortage in shortages if shortage]


def _read(directory: Path) -> Summary:
    try:
        return CampaignFolder(directory).read_summary()
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _planned(plan: Plan) -> list[Place]:
    return [(arm.label, users) for arm in plan.arms for users in plan.workload.users]


def _places(plan: Plan, strategies: str | None, users: tuple[int, ...] | None) -> list[Place]:
    """Choose what to check, or refuse what the campaign does not have."""
    named = dict.fromkeys(name.strip() for name in strategies.split(",")) if strategies else None
    labels = list(named or (arm.label for arm in plan.arms))
    counts = users or plan.workload.users
    places = [(label, count) for label in labels for count in counts]
    if absent := [place for place in places if place not in _planned(plan)]:
        raise click.UsageError(
            f"the campaign has no {_names(absent)}; it has {listing([arm.label for arm in plan.arms])} "
            f"with {listing([str(count) for count in plan.workload.users])} users"
        )
    return places


def _pairs(plan: Plan, variant: str, against: str, strategies: str | None) -> list[tuple[Arm, Arm]]:
    """Choose the variants to compare, of all strategies or of those named, or refuse."""
    try:
        pairs = pairs_of(plan, variant, against)
    except VariantError as error:
        raise click.UsageError(str(error)) from error
    if strategies is None:
        return pairs
    named = {name.strip() for name in strategies.split(",")}
    if unknown := named - {new.strategy for new, _ in pairs}:
        raise click.UsageError(
            f"--variant {variant} has no strategy {listing(sorted(unknown))}; "
            f"it has {listing([new.strategy for new, _ in pairs])}"
        )
    return [pair for pair in pairs if pair[0].strategy in named]


def _counts(plan: Plan, users: tuple[int, ...] | None) -> tuple[int, ...]:
    """Choose the user counts to check, or refuse those that the campaign does not have."""
    planned = plan.workload.users
    if absent := [str(count) for count in users or () if count not in planned]:
        raise click.UsageError(
            f"the campaign has no {listing(absent)} users; it has {listing(list(map(str, planned)))}"
        )
    return users or planned


def _plan_differences(then: Plan, now: Plan, places: Sequence[Place]) -> list[str]:
    """Name the differences in load between two campaigns; blocks and seeds may differ."""
    loads = [
        (name, getattr(then.workload, name), getattr(now.workload, name))
        for name in Workload.__struct_fields__
        if name != "users"
    ]
    differences = [f"{name}: {old}, now {new}" for name, old, new in loads if old != new]
    if absent := [place for place in places if place not in _planned(then)]:
        differences.append(f"the baseline has no {_names(absent)}")
    return differences


def _names(places: Sequence[Place]) -> str:
    return listing([f"{label} with {users} users" for label, users in places])


def _accept(what: str, differences: Sequence[str], allowed: bool) -> list[str]:
    """Refuse a baseline that differs, or where that is allowed return the differences as remarks."""
    if differences and not allowed:
        raise click.UsageError(
            f"the baseline is of another {what}:\n  "
            + "\n  ".join(differences)
            + f"\ntake one of this {what}, or give --allow-different-{what}"
        )
    return [f"Another {what}: {each}" for each in differences]
