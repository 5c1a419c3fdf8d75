"""A run as it is seen while it runs: what samples say is close, and what is called exact is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import sync_playwright
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from loadtest.ledger.result import Second
from loadtest.live.prometheus import SwarmMetrics
from loadtest.live.sampling import p50_and_p99
from loadtest.live.seconds import KEPT_S, LiveSecond, LiveSeconds
from loadtest.live.server_metrics import ServerMetrics
from loadtest.schedule.arrivals import Burst, Rate
from loadtest.schedule.clock import Clock
from loadtest.schedule.load import Load
from loadtest.schedule.sender import Sender
from server.testing.server_process import ServerProcess
from tests.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.swarm_process import free_port, only_step, run_swarm, swarm_command, wait_until

SECOND_NS = 1_000_000_000
LOAD_OF_ONE = Load(Rate(1.0, of_each_user=False), Burst(1.0, 0, 1), "constant", seed=1, message_size=64)
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"
LOAD = ("--only-summary", "-r", "100", "--room-rate", "50", "--arrival", "constant", "--warmup", "1", "--dwell", "3")


def second(time_s: int, *, expected: int = 100, delivered: int = 100, p99: float | None = 4.0) -> Second:
    return Second(time_s * SECOND_NS + 1, 10, expected, delivered, 2.0, p99, 5.0)


# Samples


def test_what_was_sent_late_counts_in_the_second_in_which_it_was_sent() -> None:
    sender = Sender(LOAD_OF_ONE, Clock(), lambda _: None, lambda _: False)
    try:
        sender._log = [(0, seq, due_ns, due_ns + 3 * SECOND_NS) for seq, due_ns in enumerate((1, 2, 3 * SECOND_NS))]
        assert sender.lags_ns(3 * SECOND_NS) == [3 * SECOND_NS] * 3, "seconds after it was due"
        assert sender.lags_ns(5 * SECOND_NS) == [3 * SECOND_NS]
    finally:
        sender.close()


# Seconds


def test_a_sample_gives_way_to_the_exact_figures_of_its_second() -> None:
    told: list[LiveSecond] = []
    seconds = LiveSeconds(told.append)
    seconds.add(LiveSecond(7, users=20, deliveries_per_s=90.0, p50_ms=1.0, p99_ms=3.0, schedule_lag_p99_ms=0.5))
    seconds.judged([second(7), second(8, delivered=97, p99=None)])
    later, first = seconds.newest()
    assert first == LiveSecond(7, 20, 100.0, 2.0, 4.0, 0, 0.5, is_exact=True)
    assert (later.missing, later.p99_ms, later.is_exact) == (3, None, True)
    assert (seconds.deliveries, seconds.missing) == (197, 3)
    assert [each.is_exact for each in told] == [False, True, True]


def test_a_run_of_hours_keeps_its_last_minutes() -> None:
    seconds = LiveSeconds()
    for time_s in range(2 * KEPT_S):
        seconds.add(LiveSecond(time_s))
    assert [each.time_s for each in seconds.newest()] == list(range(2 * KEPT_S - 1, KEPT_S - 1, -1))


def test_percentiles_of_a_sample_are_values_of_it() -> None:
    assert p50_and_p99(()) == (None, None)
    assert p50_and_p99((3.0,)) == (3.0, 3.0)
    assert p50_and_p99(tuple(map(float, range(1, 101)))) == (50.0, 99.0)


# Prometheus


def exposed(seconds: LiveSeconds) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    registry.register(SwarmMetrics(lambda: seconds))
    families = parse(generate_latest(registry).decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_metrics_are_in_base_units_and_a_latency_among_missing_ones_is_infinite() -> None:
    seconds = LiveSeconds()
    assert exposed(seconds)["swarm_users",] == 0
    seconds.judged([second(7), second(8, delivered=90, p99=None)])
    seconds.add(LiveSecond(9, users=20, deliveries_per_s=90.0, p50_ms=1.0, p99_ms=3.0, schedule_lag_p99_ms=0.5))
    assert exposed(seconds) == {
        ("swarm_users",): 20,
        ("swarm_deliveries_per_second",): 90,
        ("swarm_sample_latency_seconds", "0.5"): 0.001,
        ("swarm_sample_latency_seconds", "0.99"): 0.003,
        ("swarm_latency_seconds", "0.5"): 0.002,
        ("swarm_latency_seconds", "0.99"): float("inf"),
        ("swarm_deliveries_total",): 190,
        ("swarm_missing_deliveries_total",): 10,
        ("swarm_schedule_lag_p99_seconds",): 0.0005,
    }


def test_the_dashboard_asks_for_metrics_that_there_are(start_server: Callable[..., ServerProcess]) -> None:
    seconds = LiveSeconds()
    seconds.judged([second(7)])
    seconds.add(LiveSecond(8, 1, 1.0, 1.0, 1.0, schedule_lag_p99_ms=1.0))
    of_server = parse(start_server().get("/metrics").text)
    known = {name for name, *_ in exposed(seconds)} | {sample.name for each in of_server for sample in each.samples}
    dashboard = json.loads(DASHBOARD.read_text())
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    assert len(asked) >= 8
    for expression in asked:
        assert any(name in expression for name in known), expression
        for name in ("swarm_", "chatroom_", "process_"):
            for word in expression.replace("(", " ").replace("{", " ").replace("[", " ").split():
                assert not word.startswith(name) or word in known, word


# Real runs


@pytest.fixture
def gevent_free_reader(start_server: Callable[..., ServerProcess]) -> Iterator[tuple[ServerProcess, ServerMetrics]]:
    server = start_server()
    metrics = ServerMetrics(f"{server.url}/metrics", 0.05)
    yield server, metrics
    metrics.close()


def test_a_servers_cpu_and_loop_lag_are_read_from_its_metrics(
    gevent_free_reader: tuple[ServerProcess, ServerMetrics],
) -> None:
    import gevent

    server, metrics = gevent_free_reader
    wait_until(lambda: gevent.sleep(0.05) is None and metrics.load.cpu_percent is not None)
    assert metrics.load.cpu_percent is not None
    assert 0 <= metrics.load.cpu_percent < 200
    server.kill()
    wait_until(lambda: gevent.sleep(0.05) is None and metrics.load.cpu_percent is None)


@pytest.mark.long
def test_exact_seconds_add_up_to_the_result(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server, live = start_server(), tmp_path / "live.jsonl"
    flags = (*LOAD, "--steps", "10", "--live-out", str(live), "--server-metrics", f"{server.url}/metrics")
    step = only_step(run_swarm(server.url, tmp_path / "out.json", *flags))
    lines = [msgspec.json.decode(line, type=LiveSecond) for line in live.read_bytes().splitlines()]
    exact = {line.time_s: line for line in lines if line.is_exact}
    assert sum(line.deliveries_per_s or 0 for line in exact.values()) == step.delivered == 10 * 150
    assert sum(line.missing or 0 for line in exact.values()) == step.missing == 0
    sampled = [line for line in lines if not line.is_exact and line.p50_ms is not None]
    assert sampled
    assert all(line.users == 10 for line in sampled)
    assert all(0 < (line.p50_ms or 0) <= (line.p99_ms or 0) for line in sampled)
    assert all((line.sampling_cpu_ms or 0) > 0 for line in sampled)
    counted = sum(line.deliveries_per_s or 0 for line in sampled)
    assert counted == pytest.approx(10 * 50 * 4, rel=0.5), "window and warm-up; seconds are not exactly one"
    assert any(line.server_cpu_percent is not None for line in lines)


def test_without_samples_only_judged_seconds_are_seen(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    live = tmp_path / "live.jsonl"
    flags = ("--only-summary", "-r", "100", "--steps", "5", "--room-rate", "50", "--warmup", "1", "--dwell", "2")
    unseen = ("--no-samples", "--live-out", str(live))
    step = only_step(run_swarm(start_server().url, tmp_path / "out.json", *flags, *unseen))
    lines = [msgspec.json.decode(line, type=LiveSecond) for line in live.read_bytes().splitlines()]
    assert lines
    assert all(line.is_exact and line.sampling_cpu_ms is None for line in lines)
    assert sum(line.deliveries_per_s or 0 for line in lines) == step.delivered


@pytest.mark.long
def test_with_workers_the_master_alone_writes_and_knows_all_users(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server, live, port = start_server(), tmp_path / "live.jsonl", str(free_port())
    workers = ("--processes", "2", "--master-bind-port", port, "--master-port", port)
    flags = (*LOAD, "--steps", "10", "--live-out", str(live), "--server-metrics", f"{server.url}/metrics")
    step = only_step(run_swarm(server.url, tmp_path / "out.json", *flags, *workers))
    lines = [msgspec.json.decode(line, type=LiveSecond) for line in live.read_bytes().splitlines()]
    assert sum(line.deliveries_per_s or 0 for line in lines if line.is_exact) == step.delivered == 10 * 150
    assert max(line.users for line in lines) == 10
    assert any(line.server_cpu_percent is not None for line in lines)


@pytest.mark.long
def test_a_port_has_the_metrics_and_one_that_is_taken_is_refused(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server, port = start_server(), free_port()
    process = subprocess.Popen(
        swarm_command(server.url, *LOAD, "--steps", "5,8", "--metrics-port", str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=300) as client:
            wait_until(lambda: _metric(client, "swarm_deliveries_total") == 5 * 150)
        taken = run_swarm(server.url, tmp_path / "out.json", *LOAD, "--steps", "2", "--metrics-port", str(port))
        assert taken.exit_code == 1
        assert f"--metrics-port {port} cannot be listened on" in taken.output
        assert "Traceback" not in taken.output
        process.wait(300)
    finally:
        process.kill()
        process.wait()


def _metric(client: httpx.Client, name: str) -> float | None:
    try:
        text = client.get("/metrics").text
    except httpx.TransportError:
        return None
    return next((sample.value for each in parse(text) for sample in each.samples if sample.name == name), None)


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install it to test the pages")
def test_the_web_ui_has_a_tab_with_the_seconds(start_server: Callable[..., ServerProcess]) -> None:
    server, port = start_server(), free_port()
    command = swarm_command(server.url, "--only-summary", "--web-host", "127.0.0.1", "--web-port", str(port))
    command.remove("--headless")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    form = {"user_count": "6", "spawn_rate": "50", "room_rate": "50", "dwell": "2", "warmup": "0"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=300) as web:
            wait_until(lambda: _starts(web, form))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{port}/")
                page.get_by_role("tab", name="Deliveries").click()
                row = page.locator("tr", has_text="all deliveries").first
                row.wait_for(timeout=300_000)
                cells = row.locator("td").all_inner_texts()
                assert (cells[1], cells[5]) == ("6", "0")
                assert 0 < float(cells[3]) <= float(cells[4])
                browser.close()
            web.post("/stop")
    finally:
        process.kill()
        process.wait()


def _starts(web: httpx.Client, form: dict[str, str]) -> bool:
    try:
        return bool(web.post("/swarm", data=form).json()["success"])
    except (httpx.TransportError, KeyError, ValueError):
        return False
