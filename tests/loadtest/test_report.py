"""What the swarm prints: no percentile that its messages do not support, brackets, what was withdrawn."""

from __future__ import annotations

import pytest

from loadtest import report
from loadtest.ledger.records import NEVER
from loadtest.ledger.result import FORMAT, Step, SwarmResult
from tests.loadtest.test_validity import sent_late, step_of


def shown(step: Step, captured: pytest.CaptureFixture[str]) -> str:
    report.show(SwarmResult(format=FORMAT, workers=1, steps=[step], not_measured=[]), 14)
    return captured.readouterr().out


def latencies(text: str) -> dict[str, str]:
    """Return the one row of the table of latencies by its headings."""
    lines = text[text.index("Delivery latency") :].splitlines()[1:]
    lines = [line for line in lines if line.strip()]
    headings = ["users", "messages", "p50", "p90", "p99", "p99.9", "max", "p99 until all have it", "p99 from due"]
    assert lines[0].split() == " ".join(headings).split()
    row = lines[2].strip().replace(" to ", "..").split()
    return dict(zip(headings, row, strict=True))


def test_a_window_of_a_thousand_messages_has_a_p99_and_no_p99_9(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(step_of(sent_late(0)), capsys)
    row = latencies(text)
    assert (row["messages"], row["p99"], row["p99.9"]) == ("1000", "1.00", "-")
    assert (row["p99 until all have it"], row["p99 from due"]) == ("1.00", "1.00")
    assert "1000 messages were sent: p99.9 needs 10,000 messages, 10 s at this rate" in text


def test_a_window_of_300_messages_has_no_p99_and_says_how_long_it_must_be(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(step_of(sent_late(0, 300)), capsys)
    row = latencies(text)
    assert (row["p90"], row["p99"], row["max"]) == ("1.00", "-", "1.00")
    assert (row["p99 until all have it"], row["p99 from due"]) == ("-", "-")
    assert "p99 needs 1,000 messages, 1 s at this rate" in text


def test_the_time_from_due_and_wide_bounds_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    row = latencies(shown(step_of(sent_late(2), bound_ns=400_000), capsys))
    assert (row["p99"], row["p99 from due"]) == ("0.60..1.00", "3.00")


def test_a_percentile_among_missing_deliveries_is_never(capsys: pytest.CaptureFixture[str]) -> None:
    row = latencies(shown(step_of([NEVER] * 20 + sent_late(0, 1100)[20:]), capsys))
    assert (row["p90"], row["p99"], row["max"], row["p99 until all have it"]) == ("1.00", "never", "never", "never")


def test_what_was_withdrawn_is_shown_where_there_is_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert "withdrawn" not in shown(step_of(sent_late(0)), capsys)
    text = shown(step_of(sent_late(0, 750), withdrawn=250), capsys)
    assert "250 of 1000 planned messages (25.0 %) were withdrawn" in text
