"""The time that a campaign has left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.execution.progress import Progress
from bench.model.plan import Workload
from tests.bench.made_up import plan, workload

TRIAL_S = workload().trial_seconds()


class Clock:
    """A clock that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def progress(clock: Clock, blocks: int, of: Workload | None = None) -> tuple[Progress, io.StringIO]:
    printed = io.StringIO()
    trials = plan(["direct", "queue"], blocks=blocks).trials
    return Progress(of or workload(), trials, Console(file=printed, width=200), clock), printed


def test_later_trials_of_an_arm_are_estimated_from_its_first(clock: Clock) -> None:
    trials = plan(["direct", "queue"], blocks=3).trials
    shown, _ = progress(clock, blocks=3)
    assert shown.left_s() == pytest.approx(6 * TRIAL_S)
    shown.show(trials[0], 0)
    clock.now_s += 10
    assert shown.left_s() == pytest.approx(6 * TRIAL_S - 10)
    shown.show(trials[1], 0)  # the first arm was done in 10 s
    assert shown.left_s() == pytest.approx(3 * TRIAL_S + 2 * 10)
    clock.now_s += 20
    shown.show(trials[2], 0)
    assert shown.left_s() == pytest.approx(2 * 10 + 2 * 20)


def test_a_trial_that_is_slower_than_expected_stands_still_at_its_end(clock: Clock) -> None:
    trials = plan(["direct", "queue"], blocks=1).trials
    shown, _ = progress(clock, blocks=1)
    shown.show(trials[0], 0)
    clock.now_s += 2 * TRIAL_S
    assert shown.left_s() == pytest.approx(TRIAL_S)


def test_off_a_terminal_each_step_is_one_line_with_the_time_left(clock: Clock) -> None:
    trials = plan(["direct", "queue"], blocks=1).trials
    shown, printed = progress(clock, blocks=1)
    for steps_done in (0, 0, 1, 1, 5):
        shown.show(trials[0], steps_done)
    assert [line.split(",")[0] for line in printed.getvalue().splitlines()] == [
        f"[1/2] {trials[0].name}: {doing}" for doing in ("50 users", "100 users", "stopping")
    ]
    minutes, seconds = divmod(round(2 * TRIAL_S), 60)
    assert printed.getvalue().splitlines()[0].endswith(f"about {minutes}:{seconds:02} left")
