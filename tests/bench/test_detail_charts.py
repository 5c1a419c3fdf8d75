"""What the charts of percentiles, seconds, places in the room and health show, read from the drawn figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from bench.analysis.cells import summarise
from bench.errors import ChartLeftOutError
from bench.model.summary import Summary
from bench.presentation.charts.latency_by_position import latency_by_position
from bench.presentation.charts.latency_heat_map import COLUMNS, latency_heat_map
from bench.presentation.charts.parts.latency_colours import NEVER_COLOUR, LatencyColours
from bench.presentation.charts.percentile_spectrum import percentile_spectrum
from bench.presentation.charts.run_health import run_health
from bench.storage.distributions import Distributions, Spectrum, TimelineSecond
from loadtest.ledger.result import Latency, MedianAndTail, Step
from tests.bench.figures import data, end_labels, texts, tick_names
from tests.bench.made_up import ENVIRONMENT, SECOND, START_NS, plan, run, step, typical_summary


def summary_of(*steps: Step, users: Sequence[int], blocks: int = 1, strategies: Sequence[str] = ("direct",)) -> Summary:
    """Give every trial the same steps."""
    made = plan(strategies, users, blocks)
    return summarise(made, ENVIRONMENT, [run(trial, steps) for trial in made.trials])


def spectrum(users: int, scale: float = 1, block: int = 1, strategy: str = "direct", missing: float = 0) -> Spectrum:
    """Make 1 ms at the least and `scale` ms more for each factor of 10; the `missing` share is infinite."""
    inverse = np.geomspace(1, 1e4, 101)
    latency_ms = np.where(1 / inverse > missing, 1 + scale * np.log10(inverse), math.inf)
    return Spectrum(strategy, users, block, inverse, latency_ms)


def second(users: int, number: int, p99: float | None, block: int = 1, missing: int = 0) -> TimelineSecond:
    return TimelineSecond(
        start_ns=START_NS + number * SECOND,
        messages=100,
        expected=100 * users,
        delivered=100 * users - missing,
        p50=p99,
        p99=p99,
        max=p99,
        strategy="direct",
        users=users,
        block=block,
        second=number,
    )


def painted(figure: Figure) -> list[list[float | None]]:
    """Return the values of the only panel, row by row; `None` where nothing is painted."""
    (mesh,) = [each for each in figure.axes[0].collections if isinstance(each, QuadMesh)]
    values: list[list[float | None]] = np.ma.asarray(mesh.get_array()).tolist()
    return values


def of_spectrum(made: Step, scale: float = 1, missing: float = 0) -> Step:
    """Give a step the percentiles of a `spectrum`."""
    shares = {name: 1 / (1 - float(name) / 100) for name in ("50", "90", "99", "99.9")}
    values = [None if 1 / at <= missing + 1e-9 else 1 + scale * math.log10(at) for at in shares.values()]
    p50, p90, p99, p99_9 = values
    return msgspec.structs.replace(made, latency_ms=Latency(p50, p90, p99, p99_9, None if missing else 1 + scale * 4))


def test_the_spectrum_ends_where_ten_messages_are_left() -> None:
    """Of 10,000 messages ten lie beyond the p99.9, and of 100,000 deliveries 100; the maximum is no percentile."""
    steps = [of_spectrum(step(users, seconds=100)) for users in (50, 100)]
    summary = summary_of(*steps, users=(50, 100), strategies=("direct", "queue"))
    details = Distributions(
        tuple(spectrum(users, strategy=name) for name in ("direct", "queue") for users in (50, 100))
    )
    figure = percentile_spectrum(summary, details)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["50 users", "100 users"]
    for axes in figure.axes:
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert tick_names(axes)[0] == ["50", "90", "99", "99.9"]
        drawn = dict(data(axes, "direct"))
        assert drawn[1] == pytest.approx(1)
        assert max(drawn) == 1_000
        assert drawn[1_000] == pytest.approx(4)
        assert sorted(label.get_text() for label in end_labels(axes)) == ["direct", "queue"]
    assert "With 100 users one delivery in 1,000 takes longer than (p99.9): direct" in texts(figure)
    assert "A line ends where 10 messages of the window are slower" in texts(figure)


def test_a_short_window_has_no_tail_to_draw() -> None:
    summary = summary_of(of_spectrum(step(50)), users=(50,))
    figure = percentile_spectrum(summary, Distributions((spectrum(50),)))
    assert data(figure.axes[0], "direct")[-1][0] == 50  # 500 messages
    assert "one delivery in 10 takes longer than (p90): direct" in texts(figure)


def test_named_percentiles_are_those_of_the_cells() -> None:
    """The steps of a percentile file lie beside the percentile: 99.9023 for 99.9."""
    made = msgspec.structs.replace(step(50, seconds=100), latency_ms=Latency(1.0, 2.0, 3.0, 3.25, 9.0))
    steps = Spectrum("direct", 50, 1, np.array([1, 2.5, 12.5, 105, 1_024, 1e4]), np.array([0.5, 1.5, 2.5, 3.1, 5, 9]))
    drawn = dict(data(percentile_spectrum(summary_of(made, users=(50,)), Distributions((steps,))).axes[0], "direct"))
    assert [drawn[at] for at in (2, 10, 100, 1_000)] == [1.0, 2.0, 3.0, 3.25]


def test_blocks_of_a_spectrum_fold_into_the_median_of_the_valid() -> None:
    made = plan(users=(50,), blocks=4)
    scales = (3, 1, 2, 90)
    steps = [of_spectrum(step(50, seconds=100, reasons=["late"] * (scale == 90)), scale) for scale in scales]
    summary = summarise(made, ENVIRONMENT, [run(trial, [one]) for trial, one in zip(made.trials, steps, strict=True)])
    details = Distributions(tuple(spectrum(50, scale, block) for block, scale in enumerate(scales, 1)))
    figure = percentile_spectrum(summary, details)
    (axes,) = figure.axes
    x, y = data(axes, "direct")[-1]
    assert x == 1_000
    assert y == pytest.approx(1 + 2 * 3)
    (line,) = [line for line in axes.lines if line.get_label() == "direct"]
    assert line.get_linestyle() == "--"
    assert line.get_markerfacecolor() == "white"
    (band,) = [each for each in axes.collections if each.get_label() == "direct range"]
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == (pytest.approx(1), pytest.approx(1 + 3 * 3))
    assert "Hollow: invalid" in texts(figure)
    assert "(p99.9, median over blocks): direct 7.00 ms" in texts(figure)
    assert "Median over the valid blocks; bands: their range." in texts(figure)


def test_missing_deliveries_lift_the_end_of_a_spectrum_to_never() -> None:
    lossy = of_spectrum(step(50, missing=5_000, seconds=100), missing=0.01)
    figure = percentile_spectrum(summary_of(lossy, users=(50,)), Distributions((spectrum(50, missing=0.01),)))
    (axes,) = figure.axes
    names = tick_names(axes)[1]
    never = axes.get_yticks()[names.index("never")]
    ys = [y for _, y in data(axes, "direct")]
    assert ys[-1] == never
    assert ys[0] == pytest.approx(1)
    assert "takes longer than (p99.9): direct never" in texts(figure)


def test_the_heat_map_has_a_row_a_user_count_and_a_column_a_second() -> None:
    summary = summary_of(step(50), step(100), users=(50, 100))
    seconds = [second(50, 0, 1.0), second(50, 1, 1.5), second(100, 0, 2.0), second(100, 1, 30.0)]
    figure = latency_heat_map(summary, Distributions(timeline=tuple(seconds)))
    axes, bar = figure.axes
    assert painted(figure) == [[1.0, 1.5], [2.0, 30.0]]
    assert tick_names(axes) == (["1", "2"], ["50", "100"])
    assert axes.get_title(loc="left") == "direct"
    assert tick_names(bar)[1] == ["1", "2", "5", "10", "20", "50 SLO"]
    assert "p50 from second to second: even with direct" in texts(figure)


def test_blocks_stand_beside_each_other_and_gaps_stay_blank() -> None:
    summary = summary_of(step(50), step(100, missing=50), users=(50, 100, 200), blocks=2)
    seconds = [second(users, 0, 4.0, block) for users in (50, 100) for block in (1, 2)]
    figure = latency_heat_map(summary, Distributions(timeline=tuple(seconds)))
    assert painted(figure) == [[4, 4], [4, 4], [None, None]]
    assert tick_names(figure.axes[0])[0] == ["block 1", "block 2"]
    assert data(figure.axes[0], "direct not measured") == [(0, 2), (1, 2)]
    assert "Crosses: not measured (direct 200 users)." in texts(figure)


def test_seconds_that_miss_deliveries_are_dotted_and_infinite_ones_black() -> None:
    summary = summary_of(step(50, missing=100), users=(50,))
    seconds = [second(50, 0, 1.0), second(50, 1, 2.0, missing=1), second(50, 2, None, missing=5_000)]
    figure = latency_heat_map(summary, Distributions(timeline=tuple(seconds)))
    axes, bar = figure.axes
    assert data(axes, "direct missing") == [(1, 0), (2, 0)]
    assert tick_names(bar)[1][-1] == "never"
    (mesh,) = [each for each in axes.collections if isinstance(each, QuadMesh)]
    mesh.update_scalarmappable()
    assert np.asarray(mesh.get_facecolor())[-1].tolist() == [0, 0, 0, 1]
    assert NEVER_COLOUR == "#000000"
    assert "uneven with direct from 50 users" in texts(figure)
    assert "Dots: seconds with missing deliveries." in texts(figure)


def test_an_invalid_cell_of_the_heat_map_is_hatched() -> None:
    summary = summary_of(step(50, reasons=["late"]), users=(50,))
    figure = latency_heat_map(summary, Distributions(timeline=(second(50, 0, 1.0), second(50, 1, 1.0))))
    (patch,) = [each for each in figure.axes[0].patches if each.get_hatch()]
    assert (patch.get_x(), patch.get_width()) == (-0.5, 2)  # type: ignore[attr-defined]
    assert "Hatched: invalid" in texts(figure)


def test_an_invalid_cell_does_not_make_a_strategy_uneven() -> None:
    made = plan(users=(50,), blocks=2)
    runs = [run(trial, [step(50, reasons=["late"] * (trial.block == 2))]) for trial in made.trials]
    seconds = [second(50, number, 1.0 + 90 * number * (block == 2), block) for block in (1, 2) for number in (0, 1, 2)]
    figure = latency_heat_map(summarise(made, ENVIRONMENT, runs), Distributions(timeline=tuple(seconds)))
    assert "p50 from second to second: even with direct" in texts(figure)


def test_a_saturated_cell_is_not_even() -> None:
    """A backlog's seconds rise evenly: none is twice as slow as the median one."""
    made = msgspec.structs.replace(step(100), saturated=True)
    seconds = [second(users, number, 1.0) for users in (50, 100) for number in range(5)]
    figure = latency_heat_map(summary_of(step(50), made, users=(50, 100)), Distributions(timeline=tuple(seconds)))
    assert "p50 from second to second: rising with direct from 100 users" in texts(figure)
    assert "even with" not in texts(figure)


def test_a_trend_is_told_where_no_cell_is_called_saturated() -> None:
    seconds = [second(50, number, 10.0 + 2 * number, block) for block in range(1, 6) for number in range(3)]
    summary = summary_of(step(50), users=(50,), blocks=5)
    figure = latency_heat_map(summary, Distributions(timeline=tuple(seconds)))
    assert "p50 from second to second: rising with direct from 50 users" in texts(figure)


def test_the_colour_is_the_slowest_where_a_second_carries_no_p99() -> None:
    few = [msgspec.structs.replace(second(50, number, 5.0), max=9.0) for number in (0, 1)]
    figure = latency_heat_map(summary_of(step(50), users=(50,)), Distributions(timeline=tuple(few)))
    assert painted(figure) == [[9.0, 9.0]]
    assert "Colour: the slowest delivery of each second." in texts(figure)
    many = [msgspec.structs.replace(each, messages=1_000) for each in few]
    figure = latency_heat_map(summary_of(step(50), users=(50,)), Distributions(timeline=tuple(many)))
    assert painted(figure) == [[5.0, 5.0]]
    assert "Colour: the p99 of each second." in texts(figure)


def test_a_long_window_is_folded_into_the_worst_of_several_seconds() -> None:
    summary = summary_of(step(50), users=(50,))
    seconds = [second(50, number, 9.0 if number == 7 else 1.0) for number in range(10 * COLUMNS)]
    figure = latency_heat_map(summary, Distributions(timeline=tuple(seconds)))
    assert painted(figure) == [[9.0] + [1.0] * (COLUMNS - 1)]
    assert "Each column is the worst of 10 seconds." in texts(figure)


def test_colours_have_the_slo_between_two_of_them() -> None:
    colours = LatencyColours.covering(np.array([[0.7, np.nan], [math.inf, 130]]), 45)
    assert colours.bounds_ms == [0.5, 1, 2, 5, 10, 20, 45, 100, 200]
    assert colours.has_never


def test_position_shows_the_largest_room_that_all_serve_within_the_slo() -> None:
    tenths = [MedianAndTail(1.0 + tenth, 2.0 + tenth) for tenth in range(10)]
    held = msgspec.structs.replace(step(100, seconds=10), position_ms=tenths)
    figure = latency_by_position(summary_of(step(50), held, step(200, p50=80), users=(50, 100, 200)))
    p50, p99 = figure.axes
    assert data(p50, "direct") == [(tenth + 1, 1 + tenth) for tenth in range(10)]
    assert data(p99, "direct") == [(tenth + 1, 2 + tenth) for tenth in range(10)]
    assert (p50.get_xscale(), p50.get_yscale()) == ("linear", "log")
    assert tick_names(p50)[0] == ["first", "4th", "7th", "last"]
    assert "The last to join of 100 users wait, p50 in ms: direct 10.00 (the first 1.00)" in texts(figure)


def test_position_leads_with_how_long_the_last_wait_and_not_with_a_ratio() -> None:
    """`queue` has the larger ratio, and is the better one for everybody."""
    ends = {"direct": (4.0, 6.0), "queue": (0.5, 3.0)}
    made = plan(("direct", "queue"), users=(50,))
    runs = []
    for trial in made.trials:
        first, last = ends[trial.arm.strategy]
        tenths = [MedianAndTail(first + (last - first) * tenth / 9, 9.0) for tenth in range(10)]
        runs.append(run(trial, [msgspec.structs.replace(step(50), position_ms=tenths)]))
    figure = latency_by_position(summarise(made, ENVIRONMENT, runs))
    assert "wait, p50 in ms: queue 3.00 (the first 0.50), direct 6.00 (the first 4.00)" in texts(figure)


def test_a_room_without_tenths_has_no_chart_of_positions() -> None:
    with pytest.raises(ChartLeftOutError, match="no room of 10 members"):
        latency_by_position(summary_of(step(5), users=(5,)))


def test_health_shows_server_and_swarm_beside_their_limits() -> None:
    summary = typical_summary()
    figure = run_health(summary)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    cells = [cell for cell in summary.cells if cell.strategy == "direct"]
    cpu, lag = panels["swarm: CPU, % of a core"], panels["swarm: schedule lag p99, ms"]
    assert data(cpu, "direct") == [(cell.users, 40) for cell in cells]
    assert data(lag, "direct") == [(cell.users, 0.5) for cell in cells]
    assert [y for _, y in data(cpu, "limit")] == [100, 100]
    assert [y for _, y in data(lag, "limit")] == [5, 5]
    assert (cpu.get_yscale(), lag.get_yscale()) == ("linear", "log")
    missing = panels["missing, % of expected"]
    lossy = [cell for cell in summary.cells if cell.strategy == "gather"]
    assert data(missing, "gather") == [(cell.users, 100 * cell.missing / cell.expected) for cell in lossy]
    (note,) = panels["server: event-loop lag p99, ms"].texts
    assert note.get_text() == "not recorded"
    assert "All cells valid; server at most 50 % busy, swarm 40 %" in texts(figure)


def test_health_counts_invalid_cells_and_missing_deliveries() -> None:
    figure = run_health(summary_of(step(50, reasons=["late"]), step(100, missing=7), users=(50, 100)))
    assert "1 of 2 cells invalid" in texts(figure)
    assert "7 deliveries missing" in texts(figure)
