"""What the chart of capacities shows, read from the drawn figure."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text

from bench.capacity.result import Axis, Prediction
from bench.model.message_cost import MessageCost
from bench.presentation.capacity_answer import capacity_finding
from bench.presentation.charts.capacity import capacity_chart, draw_capacity
from tests.bench.made_up_capacity import made_up_search


def line(axes: Axes, label: str) -> Line2D:
    (found,) = [each for each in axes.lines if each.get_label() == label]
    return found


def x(axes: Axes, label: str) -> list[float]:
    return [float(value) for value in np.asarray(line(axes, label).get_xdata())]


def texts(figure: Figure) -> str:
    return "\n".join([figure.get_suptitle(), *(text.get_text() for text in figure.texts)]).replace("\n", " ")


def end_labels(axes: Axes) -> list[Annotation]:
    return [text for text in axes.texts if isinstance(text, Annotation)]


def test_a_mark_and_whiskers_for_each_strategy_the_most_on_top() -> None:
    figure = capacity_chart(made_up_search("direct", "gather", "queue"))
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    for strategy, held, high in (("direct", 436, 456), ("queue", 367, 383), ("gather", 147, 154)):
        assert x(axes, strategy) == [held]
        assert x(axes, f"{strategy} interval") == [held, high]
        assert line(axes, strategy).get_markerfacecolor() == line(axes, strategy).get_color()
    heights = [float(np.asarray(line(axes, strategy).get_ydata())[0]) for strategy in ("gather", "queue", "direct")]
    assert heights == sorted(set(heights))
    assert sorted(label.get_text() for label in end_labels(axes)) == [
        "direct: between 430 and 460",
        "gather: between 140 and 160",
        "queue: between 360 and 390",
    ]
    assert axes.get_xlabel() == "users within the SLO: p99 <= 50 ms"
    assert "Hollow" not in texts(figure)


def test_a_limit_of_the_generator_is_a_hollow_mark_with_an_arrow() -> None:
    figure = capacity_chart(made_up_search("direct", "coalesced"))
    (axes,) = figure.axes
    assert x(axes, "coalesced") == x(axes, "coalesced interval") == [3200]
    assert line(axes, "coalesced").get_markerfacecolor() == "white"
    assert line(axes, "coalesced open").get_marker() == ">"
    assert x(axes, "coalesced open")[0] == axes.get_xlim()[1] > 3200
    assert not [each for each in axes.lines if each.get_label() == "direct open"]
    assert "Hollow (a cross where no load is within the SLO): coalesced (the generator was the limit)." in texts(figure)


def test_a_search_that_ended_early_is_hollow() -> None:
    figure = capacity_chart(made_up_search("direct", max_tries=5))
    assert line(figure.axes[0], "direct").get_markerfacecolor() == "white"
    assert "direct (not confirmed, the search ended early)" in texts(figure)


def test_a_server_without_a_passing_load_is_a_cross_at_the_low_end() -> None:
    figure = capacity_chart(made_up_search("direct", "queue", holds={"direct": 0, "queue": 380}))
    (axes,) = figure.axes
    assert line(axes, "direct").get_marker() == "x"
    assert x(axes, "direct") == [axes.get_xlim()[0]]
    assert "direct: none" in [label.get_text() for label in end_labels(axes)]


def test_what_a_fifo_queue_predicts_is_a_star() -> None:
    result = made_up_search("direct", "coalesced")
    with_stars = [
        msgspec.structs.replace(each, predicted=Prediction(1590, MessageCost(106, 4.4), 9))
        for each in result.capacities
    ]
    figure = capacity_chart(msgspec.structs.replace(result, capacities=with_stars))
    assert x(figure.axes[0], "direct predicted") == [1590]
    assert figure.axes[0].get_xlim()[1] > 1590
    assert "too low for coalesced: waiting messages are handled together there" in texts(figure)
    without = [msgspec.structs.replace(each, predicted=None) for each in result.capacities]
    assert "FIFO" not in texts(capacity_chart(msgspec.structs.replace(result, capacities=without)))


def test_a_chart_of_no_try_at_all_can_be_drawn() -> None:
    assert capacity_chart(made_up_search("direct", max_tries=0)).axes


def test_title_and_footer_say_what_was_found_and_under_which_load() -> None:
    result = made_up_search("direct")
    text = texts(capacity_chart(result))
    assert capacity_finding(result) in text
    for expected in ("100 messages/s (constant), 64 B a message, 5 s a try", "Example CPU 3.0 GHz", "uvicorn 0.54.0"):
        assert expected in text
    by_rate = msgspec.structs.replace(result, plan=msgspec.structs.replace(result.plan, by=Axis.RATE))
    figure = capacity_chart(by_rate)
    assert "500 users (constant), 64 B a message" in texts(figure)
    assert figure.axes[0].get_xlabel() == "messages/s within the SLO: p99 <= 50 ms"


def test_labels_neither_overlap_nor_leave_the_figure() -> None:
    figure = capacity_chart(made_up_search("direct", "direct", "queue", "gather", "coalesced"))
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(label) for label in end_labels(figure.axes[0])]
    assert len(boxes) == 5
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in [*boxes, *(text.get_window_extent() for text in figure.texts)]:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_it_is_written_as_png_and_svg(tmp_path: Path) -> None:
    drawn = draw_capacity(made_up_search("direct"), tmp_path / "charts")
    paths = [drawn.png, drawn.svg]
    assert [path.name for path in paths] == ["capacity.png", "capacity.svg"]
    assert "<svg" in paths[1].read_text()
