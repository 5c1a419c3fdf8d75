"""The server's CPU time for a delivery as a multiple of the machine's own cost of a send."""

from __future__ import annotations

import numpy as np

from bench.model.environment import Yardstick
from bench.model.summary import Summary
from bench.presentation.table import Column, Row, Table, numbers


def yardstick_text(yardstick: Yardstick | None) -> str:
    """Put a yardstick in words."""
    if yardstick is None:
        return "not measured"
    return (
        f"{yardstick.loopback_send_us:.1f} us a loopback send with its wake-up, "
        f"{yardstick.interpreter_loop_us:.0f} us for 1,000 iterations of Python"
    )


def as_multiple(cpu_us: float, yardstick: Yardstick) -> str:
    """Write a cost as a multiple of a loopback send."""
    return f"{cpu_us / yardstick.loopback_send_us:.2f}"


def yardstick_table(summary: Summary) -> Table | None:
    """Show the median cost of a delivery over valid blocks as a multiple of a send; `None` without a yardstick."""
    yardstick, counts = summary.environment.yardstick, summary.plan.workload.users
    if yardstick is None:
        return None
    rows = tuple(
        Row((arm.label, *(_cost(summary, arm.label, users, yardstick) for users in counts)))
        for arm in summary.plan.arms
    )
    caption = (
        f"CPU time of the server for a delivery, as a multiple of a loopback send on its core "
        f"({yardstick.loopback_send_us:.1f} us): these compare with other machines, microseconds do not"
    )
    return Table(caption, (Column("strategy"), *numbers(*(f"{users:,} users" for users in counts))), rows)


def _cost(summary: Summary, label: str, users: int, yardstick: Yardstick) -> str:
    costs = [
        cell.server.cpu_us_per_delivery
        for cell in summary.blocks_of(label, users)
        if cell.valid and cell.server.cpu_us_per_delivery is not None
    ]
    return as_multiple(float(np.median(costs)), yardstick) if costs else "-"
