"""Chart: the maximum load of each strategy within the SLO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.capacity.conclusion import joins_messages
from bench.capacity.result import Axis, Capacity, CapacityPlan, CapacityResult, Limit
from bench.presentation.capacity_answer import LIMITS, amount, capacity_finding
from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.charts.parts.saved import SavedChart, save_chart
from bench.presentation.charts.parts.style import LineEnd, Look
from bench.presentation.text import in_rooms, listing


def capacity_chart(result: CapacityResult) -> Figure:
    """Draw the bracket of each strategy's capacity: whiskers where all tries are within the SLO and where all fail.

    The mark in it is the largest load within the SLO in most tries, a star what a FIFO queue predicts.
    """
    plan = result.plan
    ranked = sorted(result.capacities, key=lambda capacity: capacity.held)
    labels = {each.strategy: f"{each.strategy}: {amount(plan, each)}" for each in ranked}
    figure, (axes,) = style.new_figure(
        Provenance(tuple(labels.values()), _load(plan), result.environment),
        capacity_finding(result),
        _notes(result),
        1,
        (6.4, 0.6 + 0.55 * len(ranked)),
    )
    predicted = [each.predicted.users for each in ranked if each.predicted]
    loads = [load for load in (*_tried(ranked), *predicted) if load]
    low, high = style.padded(min(loads, default=plan.rules.start), max(loads, default=plan.rules.start), 0.15)
    style.log_axis(axes, "x", low, high, style.round_ticks(low, high))
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{plan.by.unit} within the SLO: {plan.slo}")
    looks = style.looks([arm.label for arm in plan.arms])
    ends = [
        _draw(axes, each, height, labels[each.strategy], looks[each.strategy], low, high)
        for height, each in enumerate(ranked)
    ]
    style.label_line_ends(axes, ends)
    return figure


def draw_capacity(result: CapacityResult, directory: Path) -> SavedChart:
    """Draw the chart into `directory`."""
    return save_chart(capacity_chart(result), "capacity", directory)


def _draw(axes: Axes, capacity: Capacity, height: int, label: str, look: Look, low: float, high: float) -> LineEnd:
    """Draw one strategy within the limits of the axis: a load of 0 at its low end, an open interval as an arrow."""
    held, sure = max(capacity.held, low), max(capacity.low, low)
    end = capacity.high or high
    colour: dict[str, Any] = {"color": look.colour, "clip_on": False}
    whiskers = [sure] if capacity.high is None else [sure, end]
    axes.plot([sure, end], [height, height], linewidth=2, **colour)
    axes.plot(
        whiskers,
        [height] * len(whiskers),
        label=f"{capacity.strategy} interval",
        linestyle="none",
        marker="|",
        markersize=18,
        markeredgewidth=2,
        **colour,
    )
    if capacity.high is None:
        axes.plot([high], [height], label=f"{capacity.strategy} open", marker=">", markersize=9, **colour)
    axes.plot(
        [held],
        [height],
        label=capacity.strategy,
        marker=look.marker if capacity.held else "x",
        markersize=look.marker_size,
        markerfacecolor=look.colour if _is_known(capacity) else "white",
        markeredgewidth=1.8,
        **colour,
    )
    if capacity.predicted:
        axes.plot(
            [max(capacity.predicted.users, low)],
            [height - 0.3],
            label=f"{capacity.strategy} predicted",
            marker="*",
            markersize=9,
            markeredgewidth=0,
            **colour,
        )
    return LineEnd(label, max(end, capacity.predicted.users if capacity.predicted else 0), height, look.colour)


def _tried(capacities: Sequence[Capacity]) -> list[int | None]:
    return [load for each in capacities for load in (each.low, each.held, each.high)]


def _is_known(capacity: Capacity) -> bool:
    return capacity.limited_by is Limit.SERVER and capacity.confirmed


def _notes(result: CapacityResult) -> list[str]:
    repeats = result.plan.rules.repeats
    found = [
        f"Whiskers: the bracket that the maximum lies in, from the largest load within the SLO in all of its tries "
        f"({repeats} at the edge) to the smallest that failed in all; an arrow where none did. Mark: the largest "
        "within it in most tries."
    ]
    if any(each.predicted for each in result.capacities):
        joining = [each.strategy for each in result.capacities if joins_messages(result.plan, each.strategy)]
        too_low = f"; too low for {listing(joining)}: waiting messages are handled together there" if joining else ""
        found.append(f"Star below: predicted by a FIFO queue with the costs of the tries{too_low}.")
    hollow = [
        f"{each.strategy} ({LIMITS[each.limited_by] if each.confirmed else 'not confirmed, the search ended early'})"
        for each in result.capacities
        if not _is_known(each)
    ]
    return [*found, f"Hollow (a cross where no load is within the SLO): {', '.join(hollow)}."] if hollow else found


def _load(plan: CapacityPlan) -> str:
    workload = plan.workload
    room = f"{workload.users[0]:,} users" if plan.by is Axis.RATE else f"{workload.room_rate:g} messages/s"
    rooms = "" if workload.rooms == 1 else f" {in_rooms([workload.rooms])}{', each' * (plan.by is Axis.USERS)}"
    return f"{room}{rooms} ({workload.arrival}), {workload.message_size} B a message, {workload.duration_s:g} s a try"
