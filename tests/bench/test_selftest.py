"""The self-test's own parts: the freeze's model, the relay, the faulty server, the freeze, the closed loop."""

from __future__ import annotations

import heapq
import os
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from hdrh.histogram import HdrHistogram

from bench.commands import selftest
from bench.errors import TrialError
from bench.execution.child_process import Child
from bench.execution.freeze import freeze
from bench.execution.interruption import Interruption
from bench.execution.server_process import ListeningProcess
from bench.validation.faulty_server import FAULTS
from bench.validation.selftest.closed_loop import ClosedLoopUser, percentile_ms
from bench.validation.selftest.freeze_distribution import Envelope, model_latency_s
from bench.validation.selftest.inject_freeze import SLOPE_PERCENTILES, percentiles_ms, quantile
from bench.validation.selftest.results import Result, exact_count
from bench.validation.selftest.stored import read_selftest
from loadtest.schedule.stamp import LENGTH, stamped_text
from server.testing.server_process import ServerProcess

RATE, WINDOW_S, FREEZE_AT_S = 200, 10.0, 4.3217
HOLD_S = 0.02
WAIT_S = 300
RELAY = (sys.executable, "-m", "bench.validation.selftest.relay")
Order = Callable[[random.Random, float], float]

# The model's distribution, against a server simulated message by message


def simulate(freeze_s: float, service_s: float, order: Order) -> tuple[list[float], float]:
    """Return the sorted latencies of a server that takes what waits in `order`, and how long it took to catch up."""
    rng = random.Random(1)
    wakes_s = FREEZE_AT_S + freeze_s
    sends = [number / RATE for number in range(int(RATE * WINDOW_S))]
    waiting: list[tuple[float, float]] = []
    latencies, caught_up_s, now = [], None, 0.0
    while sends or waiting:
        if not waiting:
            if now >= wakes_s and caught_up_s is None:
                caught_up_s = now - wakes_s
            now = max(now, sends[0])
        if FREEZE_AT_S <= now < wakes_s:
            now = wakes_s
        while sends and sends[0] <= now:
            sent = sends.pop(0)
            heapq.heappush(waiting, (order(rng, sent), sent))
        now += service_s
        latencies.append(now - heapq.heappop(waiting)[1])
    assert caught_up_s is not None
    return sorted(latencies), caught_up_s


ORDERS: dict[str, Order] = {
    "first in first out": lambda _, sent: sent,
    "last in first out": lambda _, sent: -sent,
    "at random": lambda rng, _: rng.random(),
}


def max_distance_s(envelope: Envelope, latencies_s: list[float]) -> float:
    quantiles = [tenths / 1000 for tenths in range(1, 1000)]
    return max(envelope.distance_s(q, percentile_ms(latencies_s, q * 100)) for q in quantiles)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("service_s", [0.00001, 0.0004, 0.002])
@pytest.mark.parametrize("freeze_s", [0.25, 1.0])
def test_a_simulated_freeze_fits_the_model_in_any_order(freeze_s: float, service_s: float, order: str) -> None:
    latencies, catch_up_s = simulate(freeze_s, service_s, ORDERS[order])
    envelope = Envelope(freeze_s, freeze_s, catch_up_s, service_s, WINDOW_S)
    assert max_distance_s(envelope, latencies) <= 1 / RATE + 1e-6, "the messages are this far apart"


@pytest.mark.parametrize("other_s", [0.95, 1.05])
def test_a_freeze_of_another_length_does_not_fit_the_model(other_s: float) -> None:
    latencies, catch_up_s = simulate(other_s, 0.0001, ORDERS["first in first out"])
    assert max_distance_s(Envelope(1.0, 1.0, catch_up_s, 0.0001, WINDOW_S), latencies) > 0.03


def test_one_slow_echo_of_a_closed_loop_does_not_fit_the_model() -> None:
    closed_loop = sorted([0.001] * 450 + [1.0])
    assert max_distance_s(Envelope(1.0, 1.0, 0.02, 0.001, WINDOW_S), closed_loop) > 0.9


def test_quantiles_of_the_model() -> None:
    assert model_latency_s(0.99, freeze_s=1, window_s=10) == pytest.approx(0.9)
    assert model_latency_s(0.95, freeze_s=1, window_s=10) == pytest.approx(0.5)
    assert model_latency_s(0.9, freeze_s=1, window_s=10) == pytest.approx(0)
    assert model_latency_s(0.5, freeze_s=1, window_s=10) == 0


def test_percentiles_are_read_from_a_steps_histogram() -> None:
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for value_ms in range(1, 1001):
        histogram.record_value(value_ms * 1000)
    encoded = histogram.encode()
    found = percentiles_ms(encoded.decode() if isinstance(encoded, bytes) else encoded, (50, *SLOPE_PERCENTILES))
    assert set(found) == {50, *SLOPE_PERCENTILES}
    assert found == {percentile: pytest.approx(percentile * 10, rel=0.002) for percentile in found}


@pytest.mark.parametrize(
    ("percentile", "expected", "fits_ms", "too_long_ms"),
    [
        (85, "0.0 to 0.2 +- 2 ms", 2.1, 2.3),
        (95, "500.0 to 500.2 +- 8 ms", 508.1, 508.3),
    ],
)
def test_the_tolerance_is_shown_and_smaller_outside_the_freeze(
    percentile: float, expected: str, fits_ms: float, too_long_ms: float
) -> None:
    envelope = Envelope(1.0, 1.0, catch_up_s=0, undisturbed_s=0.0002, window_s=10)
    fits, too_long = (quantile("freeze", percentile, envelope, ms, [[0.2], [0.2]]) for ms in (fits_ms, too_long_ms))
    assert fits.expected == too_long.expected == expected
    assert (fits.passed, too_long.passed) == (True, False)


# The freeze

REPORTS_GAPS = """
import time
print("up", flush=True)
last = time.time_ns()
while True:
    now = time.time_ns()
    if now - last > 200_000_000:
        print("gap", last, now, flush=True)
    last = now
"""


@pytest.fixture
def start_child(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    children: list[Child] = []

    def start(program: str) -> Child:
        children.append(Child([sys.executable, "-c", program], tmp_path / f"{len(children)}.log", grace_s=1))
        await_line(children[-1], "up")
        return children[-1]

    yield start
    for child in children:
        child.stop()


def await_line(child: Child, word: str) -> list[str]:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        lines = [line for line in child.output().splitlines(keepends=True) if line.startswith(word)]
        if lines and lines[-1].endswith("\n"):
            return lines
        time.sleep(0.02)
    raise AssertionError(f"no {word!r} in {child.output()!r}")


def test_a_frozen_process_stops_for_the_reported_time(start_child: Callable[[str], Child]) -> None:
    child = start_child(REPORTS_GAPS)
    frozen = freeze(child.pid, 0.5)
    gaps = [tuple(map(int, line.split()[1:])) for line in await_line(child, "gap")]
    assert any(
        last <= frozen.after_stop_ns and frozen.before_wake_ns <= now and now - last >= frozen.shortest_s * 1e9
        for last, now in gaps
    )
    assert 0.5 <= frozen.shortest_s <= frozen.longest_s
    assert frozen.worked_s > 0, "it has been busy since"
    assert psutil.Process(child.pid).status() != psutil.STATUS_STOPPED


def test_a_process_that_has_ended_cannot_be_frozen(start_child: Callable[[str], Child]) -> None:
    child = start_child("print('up')")
    child.stop()
    with pytest.raises(psutil.NoSuchProcess):
        freeze(child.pid, 0.1)


# The closed loop


def test_a_closed_loop_sees_a_freeze_once_and_with_a_timeout_never(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server("--strategy", "direct")
    everything = (0, 2**63)
    with (
        ClosedLoopUser(server.chat_url("patient"), 0.01, float("inf")) as patient,
        ClosedLoopUser(server.chat_url("impatient"), 0.01, 0.2) as impatient,
    ):
        deadline = time.monotonic() + WAIT_S
        while not (patient.latencies_ms(*everything) and impatient.latencies_ms(*everything)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        frozen = freeze(server.process.pid, 1.0)
    in_freeze = frozen.before_stop_ns, frozen.before_wake_ns
    assert patient.timeouts(*everything) == 0
    assert sum(latency > 500 for latency in patient.latencies_ms(*in_freeze)) == 1
    assert impatient.timeouts(*in_freeze) >= 1
    assert max(impatient.latencies_ms(*everything)) < 500


def test_percentiles_of_a_closed_loop() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile_ms(values, p) for p in (1, 50, 99, 99.5, 100)] == [1, 50, 99, 100, 100]
    assert percentile_ms([7.0], 50) == 7


# The relay


@pytest.fixture
def relayed(tmp_path: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the two ends of a connection through a real relay: the client's and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        flags = ("--to", str(listening.getsockname()[1]), "--hold-ms", str(HOLD_S * 1e3))
        with ListeningProcess([*RELAY, *flags], tmp_path / "relay.log") as relay:
            address = relay.await_ready(Interruption())
            listening.settimeout(WAIT_S)
            with socket.create_connection(address, WAIT_S) as client, listening.accept()[0] as server:
                server.settimeout(WAIT_S)
                yield client, server


def read_all(end: socket.socket) -> bytes:
    parts = []
    while part := end.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_relay_forwards_every_byte_in_order_both_ways(relayed: tuple[socket.socket, socket.socket]) -> None:
    client, server = relayed
    said, answered = os.urandom(300_000), os.urandom(2_000_000)

    def say() -> None:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=say)
    thread.start()
    assert read_all(server) == said
    thread.join(WAIT_S)

    def answer() -> None:
        with server:
            rest = memoryview(answered)
            sizes = random.Random(1)
            while rest:
                size = sizes.randint(1, 5000)
                server.sendall(rest[:size])
                rest = rest[size:]

    thread = threading.Thread(target=answer)
    thread.start()
    assert read_all(client) == answered, "a client that has closed its direction still receives everything"
    thread.join(WAIT_S)


def test_a_relay_holds_every_byte_of_the_server_long_enough(
    relayed: tuple[socket.socket, socket.socket],
) -> None:
    client, server = relayed
    record = struct.Struct("!d")

    def say() -> None:
        for _ in range(200):
            server.sendall(record.pack(time.monotonic()))
            time.sleep(0.001)
        server.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=say)
    thread.start()
    received = 0
    pending = b""
    while part := client.recv(65536):
        now = time.monotonic()
        pending += part
        whole = len(pending) // record.size * record.size
        for (sent,) in record.iter_unpack(pending[:whole]):
            assert now - sent >= HOLD_S
            received += 1
        pending = pending[whole:]
    thread.join(WAIT_S)
    assert received == 200


def test_a_relay_without_a_server_ends_the_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        ListeningProcess([*RELAY, "--to", str(port)], tmp_path / "log") as relay,
        socket.create_connection(relay.await_ready(Interruption()), WAIT_S) as client,
        suppress(ConnectionResetError),
    ):
        assert client.recv(1) == b""


# The faulty server

USERS = [f"u{number}" for number in range(7)]
MESSAGES = 1000
EVERY = 100


def received_from(fault: str) -> dict[tuple[str, str], list[int]]:
    """Let users send in turn; return the numbers of the messages that each receiver got from each sender."""
    server = FAULTS[fault](EVERY)
    received: dict[tuple[str, str], list[int]] = {(to, by): [] for to in USERS for by in USERS}
    for number in range(MESSAGES):
        sender = USERS[number % len(USERS)]
        for receiver in USERS:
            received[receiver, sender] += map(int, server.deliver(receiver, sender, str(number)))
    return received


DELIVERIES = MESSAGES * len(USERS)
AFFECTED = DELIVERIES // EVERY


def test_the_server_that_loses_does_so_exactly() -> None:
    received = received_from("lose").values()
    assert sum(map(len, received)) == DELIVERIES - AFFECTED
    assert all(numbers == sorted(set(numbers)) for numbers in received)


def test_the_server_that_repeats_does_so_exactly() -> None:
    received = received_from("repeat").values()
    assert sum(map(len, received)) == DELIVERIES + AFFECTED
    assert sum(len(set(numbers)) for numbers in received) == DELIVERIES
    assert all(numbers == sorted(numbers) for numbers in received)


def test_the_server_that_swaps_does_so_exactly() -> None:
    received = received_from("swap").values()
    assert sum(map(len, received)) == DELIVERIES
    assert sum(len(set(numbers)) for numbers in received) == DELIVERIES
    after_a_later_one = sum(
        number < max(numbers[:place], default=0) for numbers in received for place, number in enumerate(numbers)
    )
    assert after_a_later_one == AFFECTED


def test_the_server_that_swaps_does_so_exactly_where_one_sender_is_read_after_the_other() -> None:
    server = FAULTS["swap"](EVERY)
    received = [
        int(text)
        for sender in ("first", "second")
        for number in range(EVERY)
        for text in server.deliver("receiver", sender, str(number))
    ]
    late = EVERY // 2 - 1
    in_order = [*range(late), late + 1, late, *range(late + 2, EVERY)]
    assert received == in_order * 2


@pytest.mark.parametrize("fault", ["truncate", "alter"])
def test_the_servers_that_corrupt_do_so_exactly(fault: str) -> None:
    server = FAULTS[fault](EVERY)
    text = stamped_text(1, 2, 3, 4, 64).decode()
    received = [server.deliver(receiver, "u1", text) for _ in range(MESSAGES) for receiver in USERS]
    assert all(len(texts) == 1 for texts in received)
    changed = [texts[0] for texts in received if texts[0] != text]
    assert len(changed) == AFFECTED
    assert all(other.startswith(text[:LENGTH]) for other in changed), "the stamp is as it was"


# The command


@pytest.mark.long
def test_faults_are_found_exactly_and_stored(tmp_path: Path) -> None:
    result = CliRunner().invoke(selftest.selftest, ["--only", "faults", "--out", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert "17 of 17 figures are as expected." in result.output
    stored = read_selftest(tmp_path / "new")
    assert (len(stored.results), stored.unexpected, stored.untested) == (17, 0, ())
    assert ("20", "20") in [(one.expected, one.measured) for one in stored.results if one.figure == "missing"]
    assert stored.environment.cores > 0


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    result = CliRunner().invoke(selftest.selftest, ["--only", "faults", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not empty; choose another --out" in " ".join(result.output.replace("│", " ").split())


def test_an_unexpected_figure_gives_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [exact_count("lose 1 in 10", "missing", 10, 9), Result("freeze", "p99", "1 ms", "1 ms", passed=True)]
    monkeypatch.setattr(selftest, "INJECTIONS", {"faults": lambda _: results})
    result = CliRunner().invoke(selftest.selftest, ["--only", "faults"])
    assert result.exit_code == 3
    assert "NOT as expected" in result.output
    assert "1 of 2 figures are as expected" in result.output


def test_an_injection_that_fails_is_reported_and_the_next_still_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: object) -> list[Result]:
        raise TrialError("the server was killed by SIGKILL", ["its last words"])

    good = [exact_count("lose 1 in 10", "missing", 10, 10)]
    monkeypatch.setattr(selftest, "INJECTIONS", {"freeze": fails, "faults": lambda _: good})
    result = CliRunner().invoke(selftest.selftest, ["--only", "freeze", "--only", "faults"])
    assert result.exit_code == 3
    assert "the server was killed by SIGKILL" in result.output
    assert "its last words" in result.output
    assert "1 of 1 figures are as expected; not tested: freeze." in result.output
