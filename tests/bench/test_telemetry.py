"""The server's own telemetry: read while a trial runs, and subtracted over a window."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

import msgspec
import pytest

from bench.analysis.server_use import server_use
from bench.execution.telemetry_reader import TelemetryReader
from bench.model.run import LagBucket, LoopLag, ServerStats
from bench.model.telemetry import interval_around, intervals
from server.testing.server_process import ServerProcess
from tests.bench.made_up import SECOND, START_NS, plan, run, step

END_NS = START_NS + 5 * SECOND


def reading(
    second: float, lags: Mapping[float, int], *, kicked: int = 0, dropped: int = 0, pid: int = 1
) -> ServerStats:
    """Make a reading so many seconds after the window's start; `lags` are the buckets so far."""
    return ServerStats(
        members=50,
        messages_in=0,
        deliveries_out=0,
        notices_out=0,
        dropped=dropped,
        kicked=kicked,
        loop_lag_ms=LoopLag(0, 0, 0),
        time_ns=START_NS + round(second * SECOND),
        pid=pid,
        loop_lag_buckets=tuple(LagBucket(bound, count) for bound, count in lags.items()),
    )


def test_lag_before_the_window_does_not_count() -> None:
    """Joining held the loop up for 400 ms; in the window 98 of 100 timers were on time."""
    readings = [
        reading(-1.5, {400.0: 10}),
        reading(-0.5, {0.1: 100, 400.0: 50}, kicked=1, dropped=10),
        reading(2, {0.1: 150, 400.0: 50}, kicked=1, dropped=10),
        reading(5.5, {0.1: 198, 2.0: 1, 9.0: 1, 400.0: 50}, kicked=3, dropped=25),
        reading(6.5, {0.1: 198, 2.0: 1, 9.0: 1, 400.0: 90}, kicked=9, dropped=99),
    ]
    around = interval_around(readings, START_NS, END_NS)
    assert around is not None
    assert (around.start_ns, around.end_ns) == (readings[1].time_ns, readings[3].time_ns)
    assert (around.loop_lag_p99_ms, around.kicked, around.dropped) == (2.0, 2, 15)


@pytest.mark.parametrize(
    "readings",
    [
        [],
        [reading(-1, {})],
        [reading(6, {})],
        [reading(-2.1, {}), reading(6, {})],
        [reading(-1, {}), reading(7.1, {})],
        [reading(-1, {0.1: 900}), reading(6, {0.1: 5}, pid=2)],
    ],
    ids=["none", "none after", "none before", "too early", "too late", "another process"],
)
def test_nothing_is_known_where_readings_do_not_cover_the_window(readings: list[ServerStats]) -> None:
    assert interval_around(readings, START_NS, END_NS) is None


def test_each_interval_has_what_happened_in_it() -> None:
    readings = [
        reading(0, {0.1: 10}),
        reading(1, {0.1: 10, 5.0: 20}, kicked=1, dropped=7),
        reading(1.5, {0.1: 10, 5.0: 20}, kicked=1, dropped=7),
        reading(3, {0.1: 1}, pid=2),
        reading(4, {0.1: 21}, pid=2),
    ]
    seen = [(i.start_ns, i.end_ns, i.kicked, i.dropped, i.loop_lag_p99_ms) for i in intervals(readings)]
    second = [START_NS + n * SECOND // 2 for n in range(9)]
    assert seen == [
        (second[0], second[2], 1, 7, 5.0),
        (second[2], second[3], 0, 0, None),
        (second[6], second[8], 0, 0, 0.1),
    ]


def test_readings_before_and_after_the_swarm_count_too() -> None:
    (trial,) = plan().trials
    made = run(trial, [step(50)])
    assert server_use(made, step(50)).kicked is None
    before, after = reading(-1, {}), reading(5.2, {5.0: 100}, kicked=4, dropped=8)
    use = server_use(msgspec.structs.replace(made, stats_before=before, stats_after=after), step(50))
    assert (use.loop_lag_p99_ms, use.kicked, use.dropped) == (5.0, 4, 8)
    assert use.cpu_percent == pytest.approx(50)


def address(server: ServerProcess) -> tuple[str, int]:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def wait_for_readings(reader: TelemetryReader, count: int) -> None:
    deadline = time.monotonic() + 300
    while len(reader.readings) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_reads_a_server_again_and_again(
    start_server: Callable[..., ServerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.execution.telemetry_reader.INTERVAL_S", 0.05)
    server = start_server()
    before_ns = time.time_ns()
    with TelemetryReader(*address(server)) as reader:
        wait_for_readings(reader, 3)
    times = [reading.time_ns for reading in reader.readings]
    assert before_ns < times[0]
    assert times == sorted(set(times))
    assert {reading.pid for reading in reader.readings} == {server.process.pid}
    assert reader.readings[-1].loop_lag_buckets
    assert reader.readings[-1].tasks > 0
    assert reader.readings[-1].gc_pauses.count > 0


def test_goes_on_when_the_server_is_back(
    start_server: Callable[..., ServerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.execution.telemetry_reader.INTERVAL_S", 0.05)
    first = start_server()
    host, port = address(first)
    with TelemetryReader(host, port) as reader:
        wait_for_readings(reader, 1)
        assert first.stop() == 0
        known = len(reader.readings)
        second = start_server("--port", str(port))
        wait_for_readings(reader, known + 1)
    assert reader.readings[-1].pid == second.process.pid


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"nonsense\r\n\r\n"],
    ids=["never", "hangs up", "other JSON", "no HTTP"],
)
def test_server_that_does_not_tell_is_asked_again(answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.execution.telemetry_reader.INTERVAL_S", 0.01)
    monkeypatch.setattr("bench.execution.telemetry_reader.TIMEOUT_S", 0.1)
    with ExitStack() as held, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        with TelemetryReader(*listener.getsockname()) as reader:
            for _ in range(3):
                connection = held.enter_context(listener.accept()[0])
                assert connection.recv(1_000).startswith(b"GET /stats ")
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()
    assert reader.readings == []
