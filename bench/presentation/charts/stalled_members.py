"""Chart: latency and losses of the healthy members while others in the room stall."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.model.percentile import Percentile
from bench.model.summary import Cell, or_infinite
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.latency_axis import mark_limits, name_slo, scale_latency
from bench.presentation.charts.parts.provenance import Provenance, room_load
from bench.presentation.charts.parts.series import Point
from bench.presentation.scenario_answer import withdrawn_share
from bench.presentation.text import listing, milliseconds
from bench.presentation.window_wording import too_few_messages
from bench.scenarios.result import ScenarioResult

Lines = dict[str, list[Point]]


def stalled_members(result: ScenarioResult) -> Figure:
    """Draw p99 and the delivered share of the healthy members by how many others stall."""
    cells = {(row.strategy, row.conditions.stalled, row.block): row.cell for row in result.rows if row.cell}
    counts = sorted({stalled for _, stalled, _ in cells})
    labels = list(dict.fromkeys(strategy for strategy, _, _ in cells))
    by_count = {
        label: [[cell for key, cell in cells.items() if key[:2] == (label, stalled)] for stalled in counts]
        for label in labels
    }
    conditions = result.rows[0].conditions
    p99 = _lines(by_count, lambda cell: or_infinite(cell.latency_ms.p99))
    delivered = _lines(by_count, _share)
    load = room_load(conditions.workload, max(row.block for row in result.rows), [conditions.rooms])
    figure, (left, right) = style.new_figure(
        Provenance(tuple(labels), load, result.environment),
        _finding(p99, delivered, counts, conditions.users),
        [
            *_notes(delivered, counts),
            *_withdrawn([row.cell for row in result.rows if row.cell]),
            *filter(None, [too_few_messages(conditions.workload, Percentile.P99.number)]),
        ],
        2,
        (4, 3.4),
        share_y=False,
        beside=0.3,
    )
    never_ms = scale_latency(left, [point.y for line in p99.values() for point in line], conditions.slo_ms)
    left.set_title("p99 of the delivery latency, ms", loc="left", fontsize=12, fontweight="bold")
    mark_limits(left, conditions.slo_ms, never_ms)
    name_slo(left, conditions.slo_ms)
    right.set_title("delivered, % of expected", loc="left", fontsize=12, fontweight="bold")
    right.set_ylim(0, 103)
    for axes, lines, never in ((left, p99, never_ms), (right, delivered, None)):
        axes.set_xticks(range(len(counts)), labels=[f"{count:,}" for count in counts])
        axes.set_xlim(-0.2, len(counts) - 0.8)
        axes.set_xlabel(f"members that stall, of {conditions.users:,}")
        _draw(axes, lines, never)
    return figure


def _draw(axes: Axes, lines: Lines, never: float | None) -> None:
    looks = style.looks(list(lines))
    style.label_line_ends(
        axes, [series.draw(axes, label, line, [], looks[label], never) for label, line in lines.items()]
    )


def _lines(by_count: dict[str, list[list[Cell]]], y: Callable[[Cell], float]) -> Lines:
    """Fold each strategy's cells into a point a count, at the count's place in the order."""
    return {
        label: [series.fold(cells, lambda _, x=place: x, y) for place, cells in enumerate(folded) if cells]  # type: ignore[misc]
        for label, folded in by_count.items()
    }


def _share(cell: Cell) -> float:
    return 100 * cell.delivered / cell.expected if cell.expected else 0.0


def _finding(p99: Lines, delivered: Lines, counts: Sequence[int], users: int) -> str:
    """Say how each strategy does with the most stalled members, the best first."""
    place, most = len(counts) - 1, counts[-1]
    parts = []
    known = [label for label in p99 if p99[label][-1].x == place]
    for label in sorted(known, key=lambda label: (-delivered[label][-1].y, p99[label][-1].y)):
        lost = 100 - delivered[label][-1].y
        parts.append(f"{label} {f'loses {lost:.2g} %' if lost else f'{milliseconds(p99[label][-1].y)} ms'}")
    if unknown := [label for label in p99 if label not in known]:
        parts.append(f"{listing(unknown)} not measured")
    return f"p99 with {most:,} of {users:,} members stalled: {'; '.join(parts)}"


def _notes(delivered: Lines, counts: Sequence[int]) -> list[str]:
    invalid = [
        f"{label} {counts[int(point.x)]:,}" for label, line in delivered.items() for point in line if not point.valid
    ]
    hollow = [f"Hollow: invalid, scenario.json says why ({', '.join(invalid)} stalled)."] if invalid else []
    return ["Figures are of the members that read; nothing is expected at those that stall.", *hollow]


def _withdrawn(cells: Sequence[Cell]) -> list[str]:
    """Say how much lower than planned the load was, if it was."""
    if not any(cell.withdrawn_messages for cell in cells):
        return []
    return [f"Planned messages withdrawn, as their senders were away by plan: {withdrawn_share(cells)}."]
