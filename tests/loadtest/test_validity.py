"""What makes a step invalid, provoked in a real swarm where possible."""

from __future__ import annotations

import resource
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from loadtest.ledger import result
from loadtest.ledger.aggregate import Aggregate
from loadtest.ledger.handover import Cost
from loadtest.ledger.ledger import judge
from loadtest.ledger.measured import Measured
from loadtest.ledger.records import NEVER, Deliveries, Members, Sends, Window
from loadtest.ledger.result import HIGHEST_US, Step
from loadtest.ledger.step import to_step
from server.testing.server_process import ServerProcess
from tests.swarm_process import swarm_command, wait_until

SHORT = ("--only-summary", "-r", "200", "--warmup", "0", "--drain", "3", "--room-rate", "100", "--arrival", "constant")


@pytest.mark.long
def test_a_throttled_swarm_is_invalid(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    command = swarm_command(server.url, *SHORT, "--steps", "3", "--dwell", "3", "--swarm-out", str(out))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: server.stats()["messages_in"] > 20)
    for _ in range(15):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.08)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    output, _ = process.communicate(timeout=300)
    (step,) = result.read(out).steps
    assert process.returncode == 1
    assert not step.valid
    assert "after they were due" in step.reasons[0]
    assert "NOT VALID" in output
    assert step.missing == 0
    # Late sending is the swarm's fault: it does not count as latency, only as response time from due.
    assert step.generator.schedule_lag_p99_ms > 20
    assert (step.response_ms.p99 or 0) > 20


@pytest.mark.long
def test_a_swarm_without_descriptors_says_so(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    process = subprocess.run(
        swarm_command(server.url, *SHORT, "--steps", "90", "--dwell", "1", "--swarm-out", str(out)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (70, 70)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    (step,) = result.read(out).steps
    assert process.returncode == 1
    assert 0 < step.joined < 90
    assert any("ran out of descriptors" in reason for reason in step.reasons), process.stdout
    assert any(f"only {step.joined} of 90 users joined" in reason for reason in step.reasons)
    assert step.expected == step.delivered == step.joined * 100


COST = Cost(
    wall_s=1.0,
    cpu_s=0.1,
    rss_bytes=1,
    reads=1,
    frames=1,
    without_timestamp=0,
    arrived_in_window=1,
    clock_step_ns=0,
)


def step_of(
    sent_ns: list[int],
    cost: Cost = COST,
    latencies_ns: Sequence[int] = (1_000_000,),
    bound_ns: int = 0,
    withdrawn: int = 0,
    has_echo: bool = True,
    **changes: object,
) -> Step:
    """One member, one message a millisecond from 0, delivered after 1 ms, or after `latencies_ns` in turn.

    Each may have come up to `bound_ns` earlier.
    """
    count = len(sent_ns)
    numbers = np.arange(count)
    zeros = np.zeros(count, np.int64)
    due_ns, sent = numbers * 1_000_000, np.array(sent_ns, np.int64)
    came = sent != NEVER
    arrival_ns = np.where(came, sent + np.resize(latencies_ns, count), 0)
    columns = (zeros, zeros, numbers, due_ns, arrival_ns, arrival_ns - bound_ns, arrival_ns, zeros)
    away = np.arange(withdrawn)
    window = Window(0, max(count, 1) * 1_000_000, NEVER - 1, 0, has_echo)
    aggregate = Aggregate()
    aggregate.add(
        judge(
            window,
            Members(np.array([0]), np.array([0]), np.array([NEVER]), np.array([0])),
            Sends(zeros, numbers, due_ns, sent),
            Deliveries(*(column[came] for column in columns)),
            Sends(away + 1, away, away, np.full(withdrawn, NEVER)),
        )
    )
    return to_step(Measured(1, 1, 0, windows=[window], costs=[[cost]], **changes), aggregate.figures())  # type: ignore[arg-type]


PUNCTUAL = [n * 1_000_000 for n in range(200)]


def test_a_punctual_swarm_is_valid() -> None:
    step = step_of(PUNCTUAL)
    assert (step.valid, step.reasons, step.warnings) == (True, [], [])


@pytest.mark.parametrize(
    ("never_sent", "is_valid"),
    [(2, True), (3, False)],
)
def test_at_least_99_percent_of_the_plan_must_be_attempted(never_sent: int, is_valid: bool) -> None:
    assert step_of([NEVER] * never_sent + PUNCTUAL[never_sent:]).valid == is_valid


@pytest.mark.parametrize(("late_ms", "is_valid"), [(4.9, True), (5.1, False)])
def test_schedule_lag_is_allowed_up_to_5_ms(late_ms: float, is_valid: bool) -> None:
    assert step_of([due_ns + int(late_ms * 1e6) for due_ns in PUNCTUAL]).valid == is_valid


@pytest.mark.parametrize(("late_ms", "is_valid"), [(19, True), (21, False)])
def test_where_the_p99_is_never_a_fifth_of_the_median_may_be_late(late_ms: int, is_valid: bool) -> None:
    sent_ns = [due_ns + late_ms * 1_000_000 for due_ns in PUNCTUAL]
    step = step_of(sent_ns, latencies_ns=[100_000_000] * 3 + [(HIGHEST_US + 1) * 1000])
    assert step.latency_ms.p50 == pytest.approx(100, rel=0.01)
    assert step.latency_ms.p99 is None
    assert step.valid == is_valid


@pytest.mark.parametrize(("late_ms", "is_valid"), [(7, True), (9, False)])
def test_of_a_p99_in_a_wide_bracket_a_fifth_of_the_lower_end_may_be_late(late_ms: int, is_valid: bool) -> None:
    sent_ns = [due_ns + late_ms * 1_000_000 for due_ns in PUNCTUAL]
    step = step_of(sent_ns, latencies_ns=[100_000_000], bound_ns=60_000_000)
    assert step.latency_lower_ms is not None
    assert step.latency_ms.p99 == pytest.approx(100, 0.01)
    assert step.latency_lower_ms.p99 == pytest.approx(40, 0.01)
    assert step.valid == is_valid


def test_a_window_without_messages_is_no_measurement() -> None:
    step = step_of([])
    assert not step.valid
    assert "nothing was due" in step.reasons[0]


def test_stalled_users_that_are_not_there_are_a_reason() -> None:
    step = step_of(PUNCTUAL, wanted_stalled=2)
    assert not step.valid
    assert "only 0 of 2 stalled users were in" in step.reasons[0]


def test_a_clock_that_was_set_is_a_reason() -> None:
    assert step_of(PUNCTUAL, replace_cost(clock_step_ns=900_000)).valid
    step = step_of(PUNCTUAL, replace_cost(clock_step_ns=1_100_000))
    assert "the system's clock was set by 1.1 ms" in step.reasons[0]


def test_a_busy_generator_and_missing_receive_times_are_warnings() -> None:
    step = step_of(PUNCTUAL, replace_cost(cpu_s=0.95, without_timestamp=7))
    assert step.valid
    assert "95 % busy" in step.warnings[0]
    assert step.warnings[1].startswith("7 messages came without a receive time")


def sent_late(late_ms: float, count: int = 1000) -> list[int]:
    return [int((n + late_ms) * 1e6) for n in range(count)]


@pytest.mark.parametrize(("late_ms", "is_warned"), [(0.18, False), (0.22, True), (4.9, True)])
def test_a_response_time_that_is_much_longer_than_the_latency_is_a_warning(late_ms: float, is_warned: bool) -> None:
    """Below the floor of 5 ms, where a lag of many times the latency is valid."""
    step = step_of(sent_late(late_ms))
    assert step.valid
    assert [warning.startswith("p99 from due is") for warning in step.warnings] == [True] * is_warned


def test_a_warning_quotes_no_percentile_that_the_messages_do_not_support() -> None:
    """A count of 900 may well be that of a window with 1,000 due on average."""
    for count, percentile in ((900, "p90"), (920, "p99")):
        (warning,) = step_of(sent_late(0.5, count)).warnings
        assert warning.startswith(f"{percentile} from due is 1.50 ms, from sending 1.00 ms")


def test_copies_that_come_back_to_their_senders_are_told() -> None:
    assert step_of(PUNCTUAL).warnings == []
    told = [text for text in step_of(PUNCTUAL, has_echo=False).warnings if "came back to their senders" in text]
    assert told == ["200 deliveries came back to their senders, where none is expected; leave out --no-echo"]


@pytest.mark.parametrize(("bound_ns", "is_warned"), [(90_000, False), (110_000, True)])
def test_wide_bounds_of_the_arrivals_are_a_warning(bound_ns: int, is_warned: bool) -> None:
    step = step_of(sent_late(0), bound_ns=bound_ns)
    assert step.latency_lower_ms is not None
    assert step.latency_lower_ms.p99 == pytest.approx(1 - bound_ns / 1e6, abs=0.002)
    assert ["p99 lies between 0.89 and 1.00 ms" in warning for warning in step.warnings] == [True] * is_warned


def test_clocks_of_other_machines_are_a_warning() -> None:
    assert "known to 0.25 ms" in step_of(PUNCTUAL, clock_uncertainty_ns=250_000.0).warnings[0]


@pytest.mark.parametrize(
    ("negative", "lowest_ms", "known_to_ms", "is_valid"),
    [(2, 0.4, 0.0, True), (3, 0.4, 0.0, False), (1, 1.1, 0.0, False), (1, 1.1, 0.2, True)],
)
def test_negative_latencies_are_a_warning_and_too_many_or_too_low_ones_a_reason(
    negative: int, lowest_ms: float, known_to_ms: float, is_valid: bool
) -> None:
    latencies_ns = [-int(lowest_ms * 1e6)] * negative + [1_000_000] * (200 - negative)
    step = step_of(PUNCTUAL, latencies_ns=latencies_ns, clock_uncertainty_ns=known_to_ms * 1e6)
    assert (step.negative_latencies, step.valid) == (negative, is_valid)
    told = f"{negative} of 200 deliveries arrived before they were sent, by up to {lowest_ms:.2f} ms"
    assert [told in text for text in (*step.reasons, *step.warnings)].count(True) == 1


def replace_cost(**changes: float) -> Cost:
    return Cost(**{name: changes.get(name, getattr(COST, name)) for name in COST.__struct_fields__})
