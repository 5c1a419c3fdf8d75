"""The cost model in a campaign's report: what a message costs the server, and how that grows with the room."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.cost_model import MAX_MISFIT, CostAtUsers, CostModel
from bench.presentation.table import Column, Row, Table, numbers

UNKNOWN = "-"


def cost_finding(model: CostModel) -> str:
    """Say in a sentence whether the cost of a message grows with the room, and how much of it the members make."""
    if model.grows and not model.is_line:
        return _not_a_line(model)
    per_member = _two_decimals(model.cost.per_member_us)
    cost = f"{per_member} us of CPU a member (95 % interval {_per_member_interval(model)})"
    if not model.grows:
        return f"{model.strategy}: a message costs {cost}, so a cost independent of the room, O(1), is not excluded."
    smallest, largest = model.at_users[0], model.at_users[-1]
    return (
        f"{model.strategy} is O(n): a message costs {model.cost.fixed_us:,.0f} us of CPU and {cost}; the members make "
        f"{_percent(smallest.members_share)} of it at {smallest.users:,} users and {_percent(largest.members_share)} "
        f"at {largest.users:,}."
    )


def _not_a_line(model: CostModel) -> str:
    smallest, largest = model.at_users[0], model.at_users[-1]
    return (
        f"{model.strategy} is O(n): a message costs {smallest.cpu_us:,.0f} us of CPU at {smallest.users:,} users and "
        f"{largest.cpu_us:,.0f} at {largest.users:,}. No line describes that, it would be off by up to "
        f"{_percent(model.misfit)}: each further member costs {_local_costs(model)} us, depending on the room."
    )


def cost_model_table(models: Sequence[CostModel]) -> Table:
    """Show the fitted costs with their intervals, and how well this model and a power law fit."""
    columns = (
        Column("strategy"),
        *numbers("fixed us", "95 % interval", "us a member", "95 % interval"),
        *numbers("off by at most", "residual", "of a power law", "blocks"),
    )
    rows = tuple(
        Row(
            (
                model.strategy,
                *_fitted(model),
                _percent(model.misfit),
                f"{100 * model.residual:.1f} %",
                f"{100 * model.power_law_residual:.1f} %",
                f"{model.blocks}",
            )
        )
        for model in models
    )
    caption = (
        "Cost model: CPU time of the server for one message = fixed + per member x users. O(1) is a cost of 0 a "
        f"member. Where the line is off by more than {_percent(MAX_MISFIT)} at a user count it is no model, and `us a "
        "member` has the costs between neighbouring user counts. The residuals are relative (root mean square); a "
        "power of the number of users is fitted for comparison. Without invalid cells, and without user counts at "
        "which the server of any block did not keep up or used more than 95 % of a core"
    )
    return Table(caption, columns, rows)


def cost_by_users_table(models: Sequence[CostModel]) -> Table:
    """Show the cost at each user count, the members' share of it, and the slope up to the next user count."""
    counts = sorted({at.users for model in models for at in model.at_users})
    columns = (Column("strategy"), Column(), *numbers(*(f"{users:,} users" for users in counts)))
    rows = tuple(row for model in models for row in _rows(model, counts))
    caption = (
        "CPU time of a message in us, what each further member adds up to the next user count, the members' share of "
        "it by the model, and the slope up to the next user count "
        "(d log cost / d log users: 0 is a fixed cost, 1 one proportional to the members)"
    )
    return Table(caption, columns, rows)


def _rows(model: CostModel, counts: Sequence[int]) -> list[Row]:
    by_users = {at.users: at for at in model.at_users}
    found = [by_users.get(users) for users in counts]
    to_next = [
        UNKNOWN if at is None or at.per_member_to_next_us is None else f"{at.per_member_to_next_us:.1f}" for at in found
    ]
    return [
        Row(
            (model.strategy, "us a message", *(UNKNOWN if at is None else f"{at.cpu_us:,.0f}" for at in found)),
            starts_section=True,
        ),
        Row(("", "us a member to the next", *to_next)),
        *([Row(("", "members' share", *map(_members_share, found)))] if model.is_line else []),
        Row(("", "slope to the next", *map(_slope, found))),
    ]


def _members_share(at: CostAtUsers | None) -> str:
    return UNKNOWN if at is None else _percent(at.members_share)


def _slope(at: CostAtUsers | None) -> str:
    if at is None or at.slope_to_next is None:
        return UNKNOWN
    return _two_decimals(at.slope_to_next)


def _fitted(model: CostModel) -> tuple[str, str, str, str]:
    """Write both costs with their intervals, or what there is instead where no line describes the cost."""
    if not model.is_line:
        return "no line", UNKNOWN, _local_costs(model), UNKNOWN
    return (
        f"{model.cost.fixed_us:,.0f}",
        f"{model.fixed_low_us:,.0f} to {model.fixed_high_us:,.0f}",
        _two_decimals(model.cost.per_member_us),
        _per_member_interval(model),
    )


def _local_costs(model: CostModel) -> str:
    """Write the range of what a member adds between neighbouring user counts."""
    local = [at.per_member_to_next_us for at in model.at_users if at.per_member_to_next_us is not None]
    return f"{min(local):.1f} to {max(local):.1f}"


def _per_member_interval(model: CostModel) -> str:
    return f"{_two_decimals(model.per_member_low_us)} to {_two_decimals(model.per_member_high_us)}"


def _two_decimals(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # no -0.00


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
