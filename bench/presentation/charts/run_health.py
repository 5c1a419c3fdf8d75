"""Chart: how busy server and swarm were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.model.summary import Cell, Summary
from bench.presentation.charts.parts import series, style
from bench.presentation.charts.parts.notes import notes
from bench.presentation.charts.parts.provenance import Provenance
from loadtest.ledger.validity_limits import MAX_SCHEDULE_LAG_MS

MIN_LAG_MS = 0.01  # a log axis has no 0


@dataclass(frozen=True)
class Panel:
    """A figure of the run by user count, `None` where it was not recorded; `limit` is drawn beside it.

    A logarithmic axis is for milliseconds; any other begins at 0.
    """

    title: str
    read: Callable[[Cell], float | None]
    is_log: bool = False
    limit: float | None = None


PANELS = (
    Panel("server: CPU, % of a core", lambda cell: cell.server.cpu_percent, limit=100),
    Panel("server: event-loop lag p99, ms", lambda cell: cell.server.loop_lag_p99_ms, is_log=True),
    Panel("server: memory, MiB", lambda cell: cell.server.rss_mib),
    Panel("swarm: CPU, % of a core", lambda cell: cell.generator.cpu_percent, limit=100),
    Panel(
        "swarm: schedule lag p99, ms",
        lambda cell: cell.generator.schedule_lag_p99_ms,
        is_log=True,
        limit=MAX_SCHEDULE_LAG_MS,
    ),
    Panel("missing, % of expected", lambda cell: 100 * cell.missing / max(1, cell.expected)),
)


def run_health(summary: Summary) -> Figure:
    """Draw CPU, event-loop lag and memory of the server, CPU and schedule lag of the swarm, and what is missing."""
    figure, panels = style.new_figure(
        Provenance.of_campaign(summary),
        _finding(summary),
        [*_unknown(summary), *notes(summary)],
        3,
        (2.75, 2.2),
        rows=2,
        share_y=False,
        beside=0.35,
    )
    for axes, panel in zip(panels, PANELS, strict=True):
        axes.set_title(panel.title, loc="left", fontsize=11, fontweight="bold")
        _draw(axes, panel, summary)
    for axes in panels[3:]:
        axes.set_xlabel("users in the room")
    return figure


def _draw(axes: Axes, panel: Panel, summary: Summary) -> None:
    """Draw every strategy's line; a panel without data says so."""
    users = summary.plan.workload.users
    style.log_axis(axes, "x", *style.padded(users[0], users[-1]), style.thin(users, 1.35))
    recorded = [cell for cell in summary.cells if panel.read(cell) is not None]
    if not recorded:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=style.FAINT)
        return

    def value(cell: Cell) -> float:
        return max(MIN_LAG_MS * panel.is_log, panel.read(cell) or 0)

    _scale(axes, panel, [value(cell) for cell in recorded])
    if panel.limit:
        axes.axhline(panel.limit, color=style.FAINT, linewidth=1.2, linestyle="--", label="limit")
    ends = []
    for label, look in style.looks([arm.label for arm in summary.plan.arms]).items():
        by_users = [[cell for cell in recorded if (cell.strategy, cell.users) == (label, count)] for count in users]
        points = [series.fold(cells, lambda cell: cell.users, value) for cells in by_users if cells]
        if points:
            gaps = [count for count in users if count > points[-1].users and not summary.blocks_of(label, count)]
            ends.append(series.draw(axes, label, points, gaps, look))
    style.label_line_ends(axes, ends)


def _scale(axes: Axes, panel: Panel, values: list[float]) -> None:
    if panel.is_log:
        low, high = style.padded(min(values), max([*values, (panel.limit or 0) * 1.3]))
        style.log_axis(axes, "y", low, high, style.round_ticks(low, high))
    else:
        top = max([*values, panel.limit or 1])
        axes.set_ylim(-0.05 * top, 1.08 * top)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(lambda tick, _: style.plain(tick))


def _unknown(summary: Summary) -> list[str]:
    """Name the cells without an event-loop lag, where others have one: the server was too busy to answer."""
    lag = [(cell.strategy, cell.users, cell.server.loop_lag_p99_ms is not None) for cell in summary.cells]
    known = {(strategy, users) for strategy, users, is_known in lag if is_known}
    unknown = dict.fromkeys(f"{name} {users:,}" for name, users, _ in lag if known and (name, users) not in known)
    return [f"Event-loop lag unknown, as the server did not answer: {', '.join(unknown)} users."] if unknown else []


def _finding(summary: Summary) -> str:
    """Say how many cells are valid, how busy both sides were, and what is missing."""
    cells = summary.cells
    invalid = sum(not cell.valid for cell in cells)
    validity = f"{invalid} of {len(cells)} cells invalid" if invalid else "All cells valid"
    if summary.lost:
        validity += f", {len(summary.lost)} lost"
    server = max((cell.server.cpu_percent for cell in cells if cell.server.cpu_percent is not None), default=None)
    busy = "server's CPU unknown" if server is None else f"server at most {server:.0f} % busy"
    swarm = max(cell.generator.cpu_percent for cell in cells)
    missing = sum(cell.missing for cell in cells)
    lost = f"{missing:,} deliveries missing" if missing else "nothing missing"
    return f"{validity}; {busy}, swarm {swarm:.0f} %; {lost}"
