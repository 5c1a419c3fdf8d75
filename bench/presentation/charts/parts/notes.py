"""The notes under a chart that explain its marks."""

from __future__ import annotations

from collections import Counter

from bench.model.summary import Summary


def medians(summary: Summary, range_drawn_as: str) -> list[str]:
    """Say what a point is where there are several blocks."""
    if summary.plan.blocks == 1:
        return []
    return [f"Median over the valid blocks; {range_drawn_as}: their range."]


def notes(summary: Summary, invalid: str = "Hollow", gaps: str = "Crosses: not measured") -> list[str]:
    """Explain the marks of a summary's chart: for `invalid` cells, missing deliveries, `gaps`."""
    found = []
    ordered = sorted(summary.cells, key=lambda cell: (cell.strategy, cell.users))
    invalid_cells = dict.fromkeys(f"{cell.strategy} {cell.users:,}" for cell in ordered if not cell.valid)
    if invalid_cells:
        found.append(f"{invalid}: invalid, summary.json says why ({', '.join(invalid_cells)} users).")
    lost: dict[tuple[str, int], int] = {}
    for cell in ordered:
        if cell.missing and cell.valid:
            key = cell.strategy, cell.users
            lost[key] = lost.get(key, 0) + cell.missing
    if lost:
        listed = ", ".join(f"{strategy} {users:,} users: {n:,}" for (strategy, users), n in lost.items())
        found.append(f"Missing deliveries, counted as infinite latency: {listed}.")
    saturated = Counter((cell.strategy, cell.users) for cell in ordered if cell.saturated and cell.valid)
    if saturated:
        listed = ", ".join(_in_blocks(summary, place, count) for place, count in saturated.items())
        found.append(f"Saturated, so the latency depends on the length of the window: {listed} users.")
    unmeasured = Counter((gap.strategy, gap.users) for gap in summary.not_measured)
    if unmeasured:
        listed = ", ".join(_in_blocks(summary, place, count) for place, count in unmeasured.items())
        found.append(f"{gaps} ({listed} users).")
    return found


def _in_blocks(summary: Summary, place: tuple[str, int], count: int) -> str:
    """Name a strategy and a user count, and in how many blocks something is so, unless it is in all that there are."""
    strategy, users = place
    return f"{strategy} {users:,}" + (f" [{count} of {summary.plan.blocks} blocks]" * (count < summary.plan.blocks))
