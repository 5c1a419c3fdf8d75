"""All charts of a campaign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from bench.errors import ChartLeftOutError
from bench.model.summary import Summary
from bench.presentation.charts.delivered_vs_offered import delivered_vs_offered
from bench.presentation.charts.latency_by_position import latency_by_position
from bench.presentation.charts.latency_by_users import latency_by_users
from bench.presentation.charts.latency_by_variant import latency_by_variant
from bench.presentation.charts.latency_heat_map import latency_heat_map
from bench.presentation.charts.parts.saved import SavedChart, read_chart, save_chart
from bench.presentation.charts.percentile_spectrum import percentile_spectrum
from bench.presentation.charts.ratio_to_direct import ratio_to_direct
from bench.presentation.charts.run_health import run_health
from bench.storage.distributions import Distributions

CHARTS: dict[str, Callable[[Summary], Figure]] = {
    "latency_by_users": latency_by_users,
    "delivered_vs_offered": delivered_vs_offered,
    "latency_by_position": latency_by_position,
    "ratio_to_direct": ratio_to_direct,
    "run_health": run_health,
}
OF_MANY: dict[str, Callable[[Summary], Figure]] = {"latency_by_variant": latency_by_variant}
MANY_ARMS = 9
"""So many lines in one chart cannot be told apart any more."""
DETAILED: dict[str, Callable[[Summary, Distributions], Figure]] = {
    "percentile_spectrum": percentile_spectrum,
    "latency_heat_map": latency_heat_map,
}


@dataclass(frozen=True)
class Gallery:
    """The charts of a campaign; those `left_out` by name with the reason."""

    drawn: list[SavedChart] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def draw_all(summary: Summary, details: Distributions, directory: Path) -> Gallery:
    """Draw every chart that there is data for into `directory`; a summary without a cell has none.

    One whose data are no longer there is kept as it was drawn when they were.
    """
    gallery = Gallery()
    if not summary.cells:
        return gallery
    has_many = len(summary.plan.arms) >= MANY_ARMS
    to_draw = {name: partial(draw, summary) for name, draw in (OF_MANY if has_many else CHARTS).items()}
    if not has_many:
        to_draw |= {name: partial(draw, summary, details) for name, draw in DETAILED.items()}
    for name, draw in to_draw.items():
        try:
            figure = draw()
        except ChartLeftOutError as reason:
            if earlier := read_chart(name, directory):
                gallery.drawn.append(earlier)
            else:
                gallery.left_out[name] = str(reason)
            continue
        gallery.drawn.append(save_chart(figure, name, directory))
    return gallery
