"""What the charts show, read from the drawn figures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from bench.analysis.cells import summarise
from bench.model.summary import Summary
from bench.presentation.charts.captions import CAPTIONS
from bench.presentation.charts.delivered_vs_offered import delivered_vs_offered
from bench.presentation.charts.gallery import CHARTS, DETAILED, MANY_ARMS, OF_MANY, Gallery, draw_all
from bench.presentation.charts.latency_by_users import latency_by_users
from bench.presentation.charts.latency_by_variant import latency_by_variant
from bench.presentation.charts.parts import style
from bench.presentation.charts.parts.points import points_of
from bench.presentation.charts.parts.series import largest_shared_users
from bench.presentation.charts.run_health import run_health
from bench.presentation.max_users_wording import slo_finding
from bench.storage.distributions import Distributions
from loadtest.ledger.result import Step
from tests.bench.figures import data, end_labels, texts
from tests.bench.made_up import ENVIRONMENT, USERS, plan, run, step, typical_summary


def summary_of(*steps: Step, users: tuple[int, ...] = (50, 100, 200)) -> Summary:
    made = plan(users=users)
    return summarise(made, ENVIRONMENT, [run(made.trials[0], steps)])


def test_latency_shows_each_strategys_percentiles_in_three_panels() -> None:
    summary = typical_summary()
    figure = latency_by_users(summary)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "p50 of deliveries",
        "p99 of deliveries",
        "p99 until all have it",
    ]
    cells = [cell for cell in summary.cells if cell.strategy == "direct"]
    figures = [
        [cell.latency_ms.p50 for cell in cells],
        [cell.latency_ms.p99 for cell in cells],
        [cell.last_receiver_ms.p99 for cell in cells],
    ]
    for axes, values in zip(figure.axes, figures, strict=True):
        assert data(axes, "direct") == [(cell.users, value) for cell, value in zip(cells, values, strict=True)]
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["50", "100", "200", "400", "800"]
        assert [y for _, y in data(axes, "SLO")] == [50, 50]
        assert sorted(label.get_text() for label in end_labels(axes)) == ["direct", "gather", "queue"]
    assert figure.axes[0].get_ylabel() == "delivery latency, ms"


def test_the_title_states_the_finding_and_the_footer_where_it_comes_from() -> None:
    summary = typical_summary()
    text = texts(latency_by_users(summary))
    assert slo_finding(summary) in text
    for expected in ("Example CPU 3.0 GHz", "uvicorn 0.54.0", "no commit", "2026-01-31", "100 messages/s"):
        assert expected in text


def test_an_infinite_percentile_is_drawn_at_never_above_all_others() -> None:
    lossy = step(100, missing=2_000, seconds=10)
    figure = latency_by_users(summary_of(step(50, seconds=10), lossy, users=(50, 100)))
    p50, p99, _ = figure.axes
    ticks = {tick.get_text(): y for tick, y in zip(p50.get_yticklabels(), p50.get_yticks(), strict=True)}
    assert data(p99, "direct") == [(50, 8), (100, ticks["never"])]
    assert data(p50, "direct") == [(50, 2), (100, 2)]
    assert ticks["never"] > max(y for name, y in ticks.items() if name != "never")
    assert ticks["never"] < p50.get_ylim()[1]
    assert "Missing deliveries, counted as infinite latency: direct 100 users: 2,000." in texts(figure)


def test_a_panel_without_enough_messages_says_what_it_needs() -> None:
    p50, p99, until_all = latency_by_users(summary_of(step(50), step(100), users=(50, 100))).axes
    assert data(p50, "direct") == [(50, 2), (100, 2)]
    for axes in (p99, until_all):
        assert data(axes, "direct") == []
        assert "a p99 needs windows of\n1,000 messages" in [text.get_text() for text in axes.texts]


def test_the_footer_names_the_arrivals_and_the_messages_of_a_window() -> None:
    summary = typical_summary()
    poisson = msgspec.structs.replace(summary.plan.workload, arrival="poisson", duration_s=10)
    summary = msgspec.structs.replace(summary, plan=msgspec.structs.replace(summary.plan, workload=poisson))
    text = texts(latency_by_users(summary))
    assert "100 messages/s (Poisson arrivals)" in text
    assert "windows of 10 s and about 1,000 messages" in text
    assert "(evenly spaced)" in texts(latency_by_users(typical_summary()))


def test_a_chart_of_several_blocks_says_that_it_shows_medians() -> None:
    assert "Median over the valid blocks; bars: their range." in texts(latency_by_users(typical_summary(blocks=2)))
    assert "Median" not in texts(latency_by_users(typical_summary()))


def test_without_missing_deliveries_there_is_no_never() -> None:
    figure = latency_by_users(summary_of(step(50), step(100), users=(50, 100)))
    assert "never" not in [tick.get_text() for tick in figure.axes[0].get_yticklabels()]


def test_a_chart_of_nothing_but_missing_deliveries_can_be_drawn() -> None:
    figure = latency_by_users(summary_of(step(50, missing=25_000), users=(50,)))
    assert len(data(figure.axes[0], "direct")) == 1
    assert delivered_vs_offered(summary_of(step(50, missing=25_000), users=(50,))).axes


def test_an_invalid_cell_is_hollow() -> None:
    figure = latency_by_users(summary_of(step(50), step(100, reasons=["late"]), users=(50, 100)))
    axes = figure.axes[0]
    (hollow,) = [line for line in axes.lines if line.get_label() == "direct invalid"]
    assert data(axes, "direct invalid") == [(100, 2)]
    assert hollow.get_markerfacecolor() == "white"
    assert "Hollow: invalid" in texts(figure)


@pytest.mark.parametrize(("draw", "x"), [(latency_by_users, 200), (delivered_vs_offered, 20_000), (run_health, 200)])
def test_unmeasured_counts_are_crossed_at_the_end_of_the_line(draw: Callable[[Summary], Figure], x: int) -> None:
    figure = draw(summary_of(step(50, seconds=10), step(100, missing=50, seconds=10)))
    for axes in figure.axes:
        if not axes.lines:
            continue  # nothing was recorded
        ((_, last_y),) = data(axes, "direct")[-1:]
        assert data(axes, "direct not measured") == [(x, last_y)]
    assert "Crosses: not measured (direct 200 users)." in texts(figure)


def test_blocks_fold_into_the_median_of_the_valid_with_their_range() -> None:
    made = plan(users=(50,), blocks=4)
    steps = [step(50, p50=3), step(50, p50=1), step(50, p50=2), step(50, p50=90, reasons=["late"])]
    figure = latency_by_users(
        summarise(made, ENVIRONMENT, [run(trial, [one]) for trial, one in zip(made.trials, steps, strict=True)])
    )
    axes = figure.axes[0]
    assert data(axes, "direct") == [(50, 2)]
    assert data(axes, "direct invalid") == [(50, 2)]
    (bars,) = [each for each in axes.collections if each.get_label() == "direct range"]
    (path,) = bars.get_paths()
    assert path.vertices.tolist() == [[50, 1], [50, 3]]  # type: ignore[union-attr]


def test_delivered_is_drawn_against_offered_beside_the_diagonal() -> None:
    summary = summary_of(step(50), step(100, rate_factor=0.6), users=(50, 100))
    figure = delivered_vs_offered(summary)
    (axes,) = figure.axes
    assert data(axes, "direct") == [(5_000, 5_000), (10_000, 6_000)]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "5,000" in [tick.get_text() for tick in axes.get_xticklabels()]
    assert [line for line in axes.lines if line.get_label() == "all delivered"]
    assert "Delivered as offered: direct up to 5,000/s" in texts(figure)


def test_the_rate_delivered_is_that_of_most_blocks_below_the_first_missed() -> None:
    made = plan(users=(50, 100, 200), blocks=3)
    sweep = [step(50), step(100, rate_factor=0.6), step(200)]
    runs = [run(trial, [step(50, reasons=["late"] * (trial.block == 1)), *sweep[1:]]) for trial in made.trials]
    figure = delivered_vs_offered(summarise(made, ENVIRONMENT, runs))
    assert "Delivered as offered: direct up to 5,000/s" in texts(figure)
    runs = [run(trial, [step(users, reasons=["late"]) for users in (50, 100, 200)]) for trial in made.trials]
    figure = delivered_vs_offered(summarise(made, ENVIRONMENT, runs))
    assert "Delivered as offered: unknown for direct" in texts(figure)


def test_an_invalid_block_does_not_keep_a_room_from_being_the_largest() -> None:
    made = plan(("direct", "queue"), users=(50, 100, 200), blocks=3)
    slow = {"direct": 2.0, "queue": 30.0}
    runs = [
        run(
            trial,
            [
                step(50),
                step(100, reasons=["late"] * (trial.block == 1)),
                step(200, p50=slow[trial.arm.label]),
            ],
        )
        for trial in made.trials
    ]
    assert largest_shared_users(summarise(made, ENVIRONMENT, runs), at_least=10) == 100


@pytest.mark.parametrize("name", CHARTS)
def test_labels_neither_overlap_nor_leave_the_figure(name: str) -> None:
    figure = CHARTS[name](typical_summary(("direct", "direct", "queue", "gather", "coalesced")))
    figure.draw_without_rendering()
    frame = figure.bbox
    for axes in figure.axes:
        boxes = [Text.get_window_extent(label) for label in end_labels(axes)]  # without their leader lines
        assert len(boxes) == 5 or "not recorded" in [text.get_text() for text in axes.texts]
        for one, other in itertools.combinations(boxes, 2):
            assert not one.overlaps(other)
        for box in boxes:
            assert frame.x0 <= box.x0 < box.x1 <= frame.x1
            assert frame.y0 <= box.y0 < box.y1 <= frame.y1
    assert figure.texts
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x1 <= frame.x1
        assert not any(box.overlaps(axes.get_tightbbox()) for axes in figure.axes)  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 300), min_size=1, max_size=8).map(sorted))
def test_spread_keeps_the_order_the_gap_and_the_limits(wanted: list[float]) -> None:
    placed = style.spread(np.array(wanted), 14, 0, 300)
    assert (np.diff(placed) >= 14 - 1e-9).all()
    assert placed[0] >= -1e-9
    assert placed[-1] <= 300 + 1e-9


def test_spread_leaves_alone_what_stands_apart() -> None:
    assert style.spread(np.array([10.0, 100.0, 200.0]), 14, 0, 300).tolist() == [10, 100, 200]


def test_looks_are_fixed_by_strategy_and_distinct() -> None:
    looks = style.looks(["queue", "direct#1", "direct#2", "mine"])
    assert looks["queue"].colour == style.LOOKS["queue"][0]
    assert looks["direct#1"].colour == style.LOOKS["direct"][0]
    assert len({look.colour for look in looks.values()}) == 4
    assert len({look.marker for look in looks.values()}) == 4


def test_ticks_are_plain_numbers_and_not_crowded() -> None:
    assert [style.plain(value) for value in (0.5, 1, 50, 20_000)] == ["0.5", "1", "50", "20,000"]
    assert style.thin(USERS, 1.35) == list(USERS)
    assert style.thin([100, 101, 102, 200], 1.35) == [102, 200]


@pytest.mark.long
def test_charts_are_written_as_png_and_svg(tmp_path: Path) -> None:
    gallery = draw_all(typical_summary(), Distributions(), tmp_path / "charts")
    assert [one.name for one in gallery.drawn] == list(CHARTS)
    first = gallery.drawn[0]
    assert first.finding == slo_finding(typical_summary())
    assert imread(first.png).shape[1] > 1000
    assert "<svg" in first.svg.read_text()


def test_charts_without_their_data_are_left_out_with_the_reason(tmp_path: Path) -> None:
    gallery = draw_all(typical_summary(), Distributions(), tmp_path / "charts")
    assert gallery.left_out == {
        "percentile_spectrum": "hgrm/, the percentiles in full, is not there",
        "latency_heat_map": "timeline.csv, the seconds of each window, is not there",
    }


@pytest.mark.long
def test_the_same_results_give_the_same_files(tmp_path: Path) -> None:
    drawn = [draw_all(typical_summary(), Distributions(), tmp_path / name).drawn for name in ("one", "two")]
    for one, two in zip(*drawn, strict=True):
        assert one.svg.read_bytes() == two.svg.read_bytes()


def test_a_summary_without_cells_has_no_charts(tmp_path: Path) -> None:
    assert draw_all(summarise(plan(), ENVIRONMENT, []), Distributions(), tmp_path / "charts") == Gallery()


@pytest.mark.parametrize("draw", [*CHARTS.values(), *OF_MANY.values()])
def test_points_of_every_chart_say_whose_they_are_and_what(draw: Callable[[Summary], Figure]) -> None:
    points = points_of(draw(typical_summary(blocks=2)))
    assert points
    for point in points:
        assert 0 <= point.x <= 1000
        assert 0 <= point.y <= 1000
        assert re.match(r"(direct|queue|gather)\b.*, \S.* \S+: \S.* \S+", point.text) or ": p99, ms" in point.text


def test_every_chart_says_what_to_look_at() -> None:
    assert set(CAPTIONS) == {*CHARTS, *OF_MANY, *DETAILED}


def test_many_variants_have_a_row_each_the_best_on_top(tmp_path: Path) -> None:
    labels = [f"server-{number}" for number in range(MANY_ARMS)]
    made = plan(labels, users=(50, 400))
    lost = dict.fromkeys(labels, 0) | {labels[8]: 10_000}
    runs = [
        run(trial, [step(50, p50=1), step(400, p50=1 + labels.index(trial.arm.label), missing=lost[trial.arm.label])])
        for trial in made.trials
        if trial.arm.label != labels[3]
    ]
    summary = summarise(made, ENVIRONMENT, runs)
    figure = latency_by_variant(summary)
    figure.draw_without_rendering()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["50 users", "400 users"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[::-1][:2] == ["server-0", "server-1"]
    assert set(names[:2]) == {"server-3", "server-8"}, "what was not measured, and what never arrived"
    for text in figure.axes[0].get_yticklabels():
        assert text.get_window_extent().x0 >= figure.bbox.x0
    assert "never" in [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert [chart.name for chart in draw_all(summary, Distributions(), tmp_path).drawn] == ["latency_by_variant"]
