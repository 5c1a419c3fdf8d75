"""The notes under a chart that explain its marks."""

from __future__ import annotations

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
    saturated = dict.fromkeys(f"{cell.strategy} {cell.users:,}" for cell in ordered if cell.saturated and cell.valid)
    if saturated:
        found.append(f"Saturated, so the latency depends on the length of the window: {', '.join(saturated)} users.")
    unmeasured: dict[str, set[int]] = {}
    for gap in summary.not_measured:
        unmeasured.setdefault(gap.strategy, set()).add(gap.users)
    if unmeasured:
        listed = ", ".join(f"{name} {'/'.join(f'{n:,}' for n in sorted(users))}" for name, users in unmeasured.items())
        found.append(f"{gaps} ({listed} users).")
    return found
