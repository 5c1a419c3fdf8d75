"""The cost model in a campaign's report: what a message costs the server, and how that grows with the room."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.cost_model import MAX_MISFIT, CostModel, CostOfSize
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
    smallest, largest = model.of_sizes[0], model.of_sizes[-1]
    return (
        f"{model.strategy} is O(n): a message costs {model.cost.fixed_us:,.0f} us of CPU and {cost}; the members make "
        f"{_percent(smallest.members_share)} of it in a room of {_size(smallest.members)} and "
        f"{_percent(largest.members_share)} in one of {_size(largest.members)}."
    )


def _not_a_line(model: CostModel) -> str:
    smallest, largest = model.of_sizes[0], model.of_sizes[-1]
    return (
        f"{model.strategy} is O(n): a message costs {smallest.cpu_us:,.0f} us of CPU in a room of "
        f"{_size(smallest.members)} and {largest.cpu_us:,.0f} in one of {_size(largest.members)}. No line describes "
        f"that, it would be off by up to {_percent(model.misfit)}: each further member costs {_local_costs(model)} us, "
        "depending on the room."
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
        "Cost model: CPU time of the server for one message = fixed + per member x members of the room. O(1) is a "
        f"cost of 0 a member. Where the line is off by more than {_percent(MAX_MISFIT)} for a room it is no model, "
        "and `us a member` has the costs between neighbouring sizes. The residuals are relative (root mean square); a "
        "power of the number of members is fitted for comparison. Without invalid cells, and without user counts at "
        "which the server of any block did not keep up or used more than 95 % of a core"
    )
    return Table(caption, columns, rows)


def cost_by_users_table(models: Sequence[CostModel]) -> Table:
    """Show the cost for each size of a room, the members' share of it, and the slope up to the next size."""
    sizes = sorted({at.members for model in models for at in model.of_sizes})
    columns = (Column("strategy"), Column(), *numbers(*(f"{_size(size)} members" for size in sizes)))
    rows = tuple(row for model in models for row in _rows(model, sizes))
    caption = (
        "CPU time of a message in us by the members of its room, what each further one adds up to the next size, the "
        "members' share of it by the model, and the slope up to the next size "
        "(d log cost / d log members: 0 is a fixed cost, 1 one proportional to the members)"
    )
    return Table(caption, columns, rows)


def _rows(model: CostModel, sizes: Sequence[float]) -> list[Row]:
    by_size = {at.members: at for at in model.of_sizes}
    found = [by_size.get(size) for size in sizes]
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


def _members_share(at: CostOfSize | None) -> str:
    return UNKNOWN if at is None else _percent(at.members_share)


def _slope(at: CostOfSize | None) -> str:
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
    """Write the range of what a member adds between neighbouring sizes."""
    local = [at.per_member_to_next_us for at in model.of_sizes if at.per_member_to_next_us is not None]
    return f"{min(local):.1f} to {max(local):.1f}"


def _per_member_interval(model: CostModel) -> str:
    return f"{_two_decimals(model.per_member_low_us)} to {_two_decimals(model.per_member_high_us)}"


def _two_decimals(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # no -0.00


def _size(members: float) -> str:
    return f"{members:,g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
