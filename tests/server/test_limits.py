"""The arithmetic of the limits: how long a member has to wait, and which log lines pass."""

from __future__ import annotations

import logging

import pytest

from server.log_limit import LINES, PERIOD_S, RepeatLimit
from server.pace import Pace


def waits_s(pace: Pace, size_bytes: int, now_s: float) -> float:
    wait_s = pace.wait_s(now_s)
    pace.take(size_bytes, now_s + wait_s, wait_s)
    return wait_s


def test_a_burst_of_a_second_and_one_more_pass_and_then_the_rate_holds() -> None:
    pace = Pace(10, None, 100.0)
    assert [waits_s(pace, 1_000, 100.0) for _ in range(11)] == [0.0] * 11
    assert waits_s(pace, 1_000, 100.0) == pytest.approx(0.1)
    assert waits_s(pace, 1_000, 100.1) == pytest.approx(0.1)
    assert pace.slowed_s == pytest.approx(0.2)
    assert waits_s(pace, 1_000, 200.0) == 0.0
    assert pace.slowed_s == 0.0, "it paused"


def test_the_stricter_of_two_rates_holds() -> None:
    pace = Pace(1_000, 100, 0.0)
    assert waits_s(pace, 150, 0.0) == 0.0
    assert waits_s(pace, 0, 0.0) == pytest.approx(0.5)
    assert waits_s(pace, 0, 0.5) == 0.0


def test_a_message_that_is_larger_than_a_burst_passes_and_the_next_one_waits_for_it() -> None:
    pace = Pace(None, 100, 0.0)
    assert waits_s(pace, 1_100, 0.0) == 0.0
    assert waits_s(pace, 1, 0.0) == pytest.approx(10.0)


def test_repeated_lines_are_counted_instead_of_written(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr("server.log_limit.monotonic", lambda: now_s)
    limit, written = RepeatLimit(), []

    def log(text: str, *values: object) -> None:
        record = logging.LogRecord("name", logging.WARNING, "path", 1, text, values, None)
        if limit.filter(record):
            written.append(record.getMessage())

    for number in range(LINES + 3):
        log("bad request %d", number)
    log("something else")
    assert written == [*(f"bad request {number}" for number in range(LINES)), "something else"]
    now_s = PERIOD_S
    log("bad request %d", 99)
    assert written[-1] == f"bad request 99 (3 more of this in {PERIOD_S:.0f} s)"
