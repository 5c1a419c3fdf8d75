"""The real swarm against our server, and against servers with known faults."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
import trustme
from websockets.sync.client import connect

from loadtest.ledger import result
from loadtest.ledger.result import SwarmResult
from server.testing.server_process import ServerProcess
from tests.swarm_process import (
    JUDGE_MODULE,
    ROOT,
    SwarmRun,
    free_port,
    is_valid_unless_busy,
    only_step,
    run_swarm,
    swarm_command,
    wait_until,
)

FAULTY_SERVER = (sys.executable, "-m", "bench.validation.faulty_server", "--wrapping", "<b>{}</b>")
SHORT = ("--only-summary", "-r", "200", "--dwell", "1", "--warmup", "0.3", "--drain", "3")
USERS, RATE = 5, 200
MESSAGES = 200
DELIVERIES = USERS * MESSAGES
EVERY = 50
"""One delivery in so many is struck by a fault, or the message of this number."""


@pytest.fixture
def faulty() -> Iterator[Callable[..., str]]:
    """Start a faulty server; returns its address."""
    processes: list[subprocess.Popen[str]] = []

    def start(fault: str, *certificate: str) -> str:
        process = subprocess.Popen(
            [*FAULTY_SERVER, "--fault", fault, "--every", str(EVERY), *certificate],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        port = process.stdout.readline().strip().rpartition(":")[2]
        return f"{'wss' if certificate else 'ws'}://localhost:{port}"

    yield start
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def certificate(tmp_path: Path) -> str:
    """Make a certificate for localhost, of an authority that `trusting` trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    path = str(tmp_path / "certificate.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(path)
    return path


@pytest.fixture
def trusting(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a swarm that trusts the authority of `certificate`."""
    return {**os.environ, "SSL_CERT_FILE": str(tmp_path / "authority.pem")}


def against(host: str, tmp_path: Path, *flags: str, environment: dict[str, str] | None = None) -> SwarmRun:
    """One step of 5 users, 200 messages, every stamped message of which is judged."""
    load = ("--steps", str(USERS), "--room-rate", str(RATE), "--arrival", "constant", "--warmup", "0")
    rest = (*load, "--url-path", "/room/{user}")
    return run_swarm(host, tmp_path / "out.json", *SHORT, *rest, *flags, environment=environment)


@pytest.mark.long
def test_a_foreign_sender_before_the_window_makes_it_invalid(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server("--strategy", "direct")
    is_over = threading.Event()

    def talk() -> None:
        with connect(f"{server.url.replace('http', 'ws')}/chat?user_id=talker", max_queue=None) as talker:
            while not is_over.wait(0.1):
                talker.send("never quiet")

    with ThreadPoolExecutor(1) as threads:
        talking = threads.submit(talk)
        try:
            run = run_swarm(
                server.url,
                tmp_path / "out.json",
                *(*SHORT, "--steps", "3", "--room-rate", "50"),
                locustfile=ROOT / "tests" / "loadtest" / "impatient_locustfile.py",
            )
        finally:
            is_over.set()
        talking.result()
    step = only_step(run)
    assert (run.exit_code, step.valid, step.missing) == (1, False, 0)
    assert any("the room was not quiet" in reason for reason in step.reasons)


def test_a_sweep_against_our_server(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server("--strategy", "direct")
    run = run_swarm(
        server.url,
        tmp_path / "out.json",
        *SHORT,
        *("--steps", "3,6", "--room-rate", "100", "--arrival", "constant", "--message-size", "100"),
        *("--csv", str(tmp_path / "locust"), "--html", str(tmp_path / "locust.html")),
    )
    assert run.result is not None, run.output
    assert run.exit_code == int(not all(step.valid for step in run.result.steps)), run.output
    assert [step.users for step in run.result.steps] == [3, 6]
    for step in run.result.steps:
        assert is_valid_unless_busy(step), step.reasons
        assert step.drained
        assert (step.planned_messages, step.offered_messages) == (100, 100)
        assert step.expected == step.delivered == 100 * step.users
        assert (step.missing, step.late, step.duplicates, step.reordered, step.foreign) == (0, 0, 0, 0, 0)
        latency = step.latency_ms
        percentiles = [value or 0 for value in (latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max)]
        assert percentiles[0] > 0
        assert percentiles == sorted(percentiles)
        assert (step.response_ms.p50 or 0) >= percentiles[0] * 0.99
        assert step.latency_lower_ms is not None
        assert 0 < (step.latency_lower_ms.p50 or 0) <= percentiles[0]
        assert f"{step.users} users: 100 messages were sent: p99 needs 1,000 messages" in run.output
        if sys.platform == "linux":
            assert step.generator.reads_without_timestamp == 0
    for heading in (
        "attempted",
        "expected",
        "delivered",
        "missing",
        "duplicated",
        "reordered",
        "schedule lag",
        "p99.9",
    ):
        assert heading in run.output
    rows = {row["Name"]: row for row in csv.DictReader((tmp_path / "locust_stats.csv").open())}
    assert rows["connect"]["Request Count"] == "6"
    assert rows["connect"]["Failure Count"] == "0"
    assert run.result is not None
    assert int(rows["delivery"]["Request Count"]) == run.result.deliveries_received - 2, "those of the rehearsal"
    assert rows["Aggregated"]["Request Count"] == rows["delivery"]["Request Count"], "joins are no deliveries"
    assert "delivery" in (tmp_path / "locust.html").read_text()
    # All sent messages arrived at the server, those of the warm-up and of the rehearsal too.
    assert server.stats()["messages_in"] == 2 * (100 + 30) + 1


@pytest.mark.long
def test_a_step_has_the_same_schedule_in_a_sweep_and_alone(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    flags = ("--only-summary", "--warmup", "0.2", "--dwell", "2.5", "--room-rate", "100", "--arrival", "poisson")
    steps = []
    for counts in ("2,3", "3"):
        run = run_swarm(start_server().url, tmp_path / f"{counts}.json", *flags, "--steps", counts)
        assert run.result is not None, run.output
        steps.append(run.result.steps[-1])
    in_a_sweep, alone = steps
    assert alone.planned_messages == in_a_sweep.planned_messages
    assert [second.messages for second in alone.timeline] == [second.messages for second in in_a_sweep.timeline]


@pytest.mark.long
def test_another_server_wraps_texts_in_its_own_way(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("none"), tmp_path)
    step = only_step(run)
    assert run.exit_code == int(not step.valid), run.output
    assert (step.expected, step.delivered) == (DELIVERIES, DELIVERIES)


def test_losses_are_found_exactly(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("lose"), tmp_path)
    step = only_step(run)
    assert run.exit_code == 1
    assert step.missing == DELIVERIES // EVERY
    assert (step.expected, step.late, step.duplicates, step.reordered) == (DELIVERIES, 0, 0, 0)
    assert step.latency_ms.p50 is not None
    assert step.latency_ms.p99 is None
    assert step.latency_ms.max is None
    assert not step.drained
    assert is_valid_unless_busy(step), "what a server loses is a result"
    assert "never" in run.output


@pytest.mark.long
def test_duplicates_are_found_exactly(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("repeat"), tmp_path)
    step = only_step(run)
    assert run.exit_code == 1
    assert step.duplicates == DELIVERIES // EVERY
    assert (step.missing, step.reordered) == (0, 0)


@pytest.mark.long
def test_copies_that_come_after_all_was_delivered_are_counted(faulty: Callable[..., str], tmp_path: Path) -> None:
    step = only_step(against(faulty("repeat-late"), tmp_path))
    assert step.duplicates == DELIVERIES // EVERY
    assert (step.missing, step.reordered, step.drained) == (0, 0, True)


def test_a_server_without_an_echo_is_told_before_anybody_joins(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("no-echo"), tmp_path)
    assert run.exit_code == 1
    assert run.result is None or not run.result.steps
    assert "the server does not send a message to its sender" in run.output
    assert "add --no-echo" in run.output


@pytest.mark.long
def test_without_an_echo_nothing_is_expected_at_the_sender(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("no-echo"), tmp_path, "--no-echo")
    step = only_step(run)
    assert run.exit_code == int(not step.valid), run.output
    assert step.expected == step.delivered == (USERS - 1) * MESSAGES
    assert (step.missing, step.duplicates, step.not_judged, step.foreign, step.drained) == (0, 0, 0, 0, True)


@pytest.mark.long
def test_what_the_sender_misses_is_missing_where_the_check_is_left_out(
    faulty: Callable[..., str], tmp_path: Path
) -> None:
    step = only_step(against(faulty("no-echo"), tmp_path, "--no-rehearsal"))
    assert (step.expected, step.missing) == (DELIVERIES, MESSAGES)
    assert not step.saturated, "missing copies are no backlog"


def test_an_echo_where_none_is_expected_is_told(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("none"), tmp_path, "--no-echo")
    assert run.exit_code == 1
    assert "leave out --no-echo" in run.output


@pytest.mark.long
def test_a_server_that_passes_nothing_on_is_told_before_anybody_joins(
    faulty: Callable[..., str], tmp_path: Path
) -> None:
    run = against(faulty("keep-to-itself"), tmp_path)
    assert run.exit_code == 1
    assert "the server does not pass messages on" in run.output
    assert "it received nothing" in run.output


@pytest.mark.long
@pytest.mark.parametrize("fault", ["truncate", "alter"])
def test_texts_that_are_truncated_or_altered_are_found_exactly(
    faulty: Callable[..., str], tmp_path: Path, fault: str
) -> None:
    run = against(faulty(fault), tmp_path)
    step = only_step(run)
    assert run.exit_code == 1
    assert step.corrupted == step.missing == DELIVERIES // EVERY
    assert (step.expected, step.delivered) == (DELIVERIES, DELIVERIES - step.corrupted)
    assert (step.late, step.duplicates, step.reordered, step.foreign) == (0, 0, 0, 0)
    assert is_valid_unless_busy(step), "what a server corrupts is a result"
    assert f"{step.corrupted} deliveries came truncated or altered" in run.output


@pytest.mark.long
def test_a_server_that_passes_on_nothing_but_stamps_delivers_nothing(
    faulty: Callable[..., str], tmp_path: Path
) -> None:
    step = only_step(against(faulty("truncate-all"), tmp_path, "--message-size", "32768", "--no-rehearsal"))
    assert step.corrupted == step.missing == step.expected == DELIVERIES
    assert (step.delivered, step.arrived_in_window, step.latency_ms.p50) == (0, 0, None)


@pytest.mark.long
def test_losses_and_duplicates_do_not_cancel(faulty: Callable[..., str], tmp_path: Path) -> None:
    step = only_step(against(faulty("lose-and-repeat"), tmp_path))
    assert step.missing == step.duplicates == DELIVERIES // EVERY


@pytest.mark.long
def test_reordering_is_found_exactly(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("swap"), tmp_path)
    step = only_step(run)
    assert run.exit_code == 1
    assert step.reordered == DELIVERIES // EVERY
    assert (step.missing, step.duplicates) == (0, 0)


@pytest.mark.long
def test_an_inversion_across_the_end_of_the_warm_up_is_counted(faulty: Callable[..., str], tmp_path: Path) -> None:
    # Of each sender's messages, numbers 4, 14 and so on come after the next. The warm-up ends after message 72 of all
    # senders, and so between number 14 and number 15 of three senders.
    step = only_step(against(faulty("swap"), tmp_path, "--warmup", "0.3625", "--dwell", "0.9375"))
    assert (step.planned_messages, step.missing) == (187, 0)
    assert step.reordered == USERS * len(range(14, 52, 10))


@pytest.mark.long
def test_inversions_across_edges_of_consecutive_windows_are_counted_once(
    faulty: Callable[..., str], tmp_path: Path
) -> None:
    # 175 messages a window, 35 of each sender: number 34 is the last of its window, and so is number 104.
    flags = ("--steps", "", "-u", str(USERS), "-t", "6s", "--dwell", "0.8725")
    step = only_step(against(faulty("swap"), tmp_path, *flags))
    assert step.windows >= 3
    sent = [(step.offered_messages + place) // USERS for place in range(USERS)]
    struck = sum((USERS * own + EVERY // 2) // EVERY for own in sent)
    assert step.reordered + step.missing == struck, "what is held back at the very end has no message to follow"
    assert step.missing <= USERS


@pytest.mark.long
def test_what_a_kicked_member_missed_is_missing(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("kick"), tmp_path, "--no-rehearsal")
    step = only_step(run)
    assert run.exit_code == 1
    assert step.expected == DELIVERIES
    unsent = MESSAGES - step.offered_messages
    # Nobody gets what the kicked member did not send, nor what it sent before it knew, however late that was; it gets
    # nothing after the kick.
    at_least = unsent * USERS + (step.offered_messages - EVERY + 1)
    assert step.missing in {at_least + swallowed * (USERS - 1) for swallowed in range(MESSAGES)}
    assert not step.valid
    assert any("were sent" in reason for reason in step.reasons) == (unsent > 0.01 * MESSAGES)
    assert "1008 no reason" in run.output


@pytest.mark.long
def test_malformed_data_ends_that_user_only(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("malform"), tmp_path)
    step = only_step(run)
    assert "malformed WebSocket data" in run.output
    assert step.expected == DELIVERIES
    assert step.delivered >= (USERS - 1) * step.offered_messages


@pytest.mark.long
def test_fragments_and_pings_count_as_what_they_are(faulty: Callable[..., str], tmp_path: Path) -> None:
    run = against(faulty("fragment"), tmp_path)
    step = only_step(run)
    assert run.exit_code == int(not step.valid), run.output
    assert step.delivered == DELIVERIES


@pytest.mark.long
@pytest.mark.parametrize("fault", ["malform", "malform-tls"])
def test_malformed_data_over_tls_ends_that_user_only(
    faulty: Callable[..., str], certificate: str, trusting: dict[str, str], tmp_path: Path, fault: str
) -> None:
    run = against(faulty(fault, "--certificate", certificate), tmp_path, environment=trusting)
    step = only_step(run)
    assert "Traceback" not in run.output
    assert any("a member fell out of the room" in reason for reason in step.reasons)
    assert step.expected == DELIVERIES
    assert step.delivered >= (USERS - 1) * step.offered_messages
    assert step.offered_messages >= MESSAGES - MESSAGES // USERS, "only that user's own messages may be lacking"


@pytest.mark.long
def test_tls(faulty: Callable[..., str], certificate: str, trusting: dict[str, str], tmp_path: Path) -> None:
    host = faulty("none", "--certificate", certificate)
    refused = against(host, tmp_path)
    assert refused.exit_code == 1
    assert "certificate verify failed" in refused.output
    run = against(host, tmp_path, "--warmup", "0.5", environment=trusting)
    step = only_step(run)
    assert run.exit_code == int(not step.valid), run.output
    assert step.delivered == DELIVERIES
    assert step.generator.reads_without_timestamp == step.arrived_in_window, "those of the warm-up do not count"
    assert any("without a receive time" in warning for warning in step.warnings)


@pytest.mark.long
@pytest.mark.parametrize("how", ["--ca", "--insecure"])
def test_a_certificate_is_trusted_by_a_flag(
    how: str, faulty: Callable[..., str], certificate: str, tmp_path: Path
) -> None:
    host = faulty("none", "--certificate", certificate)
    run = against(host, tmp_path, how, *([str(tmp_path / "authority.pem")] if how == "--ca" else []))
    assert only_step(run).delivered == DELIVERIES, run.output


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), ("no certificate", "PEM")])
def test_an_authority_that_cannot_be_read_is_refused(content: str | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    if content:
        file.write_text(content)
    run = against("wss://localhost:1", tmp_path, "--ca", str(file))
    assert run.exit_code == 1
    assert run.result is not None
    assert run.result.refused
    assert f"--ca '{file}' cannot be used: " in run.output
    assert why in run.output
    assert "give a file in PEM" in run.output


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    run = run_swarm("ws://127.0.0.1:1", tmp_path / "out.json", *SHORT, "--steps", "3,5")
    assert run.exit_code == 1
    assert run.result is not None
    assert run.result.steps == []
    assert run.result.not_measured == [3, 5]
    assert any("Connection refused" in problem for problem in run.result.problems)


@pytest.mark.long
def test_a_refused_user_makes_the_step_invalid(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server("--max-members", "4")
    run = run_swarm(server.url, tmp_path / "out.json", *SHORT, "--steps", str(USERS))
    step = only_step(run)
    assert run.exit_code == 1
    assert (step.users, step.joined, step.valid) == (5, 4, False)
    assert any("only 4 of 5 users joined" in reason for reason in step.reasons)
    assert any("503" in reason for reason in step.reasons)
    assert step.expected == step.delivered


@pytest.mark.long
def test_a_run_that_is_too_short_says_how_long_it_has_to_be(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    flags = ("--only-summary", "-u", "2", "-t", "1s", "--warmup", "60.5", "--dwell", "12")
    run = run_swarm(start_server().url, tmp_path / "out.json", *flags)
    assert run.exit_code == 1
    assert "nothing was measured" in run.output
    assert "has to go on for --warmup and --dwell, here 72.5 s" in " ".join(run.output.split())


@pytest.mark.long
def test_consecutive_windows_are_summed(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server()
    flags = ("-u", "4", "-t", "6s", "--user-rate", "20", "--arrival", "poisson")
    run = run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags)
    step = only_step(run)
    assert run.exit_code == int(not step.valid), run.output
    assert step.windows >= 3
    assert step.missing == 0
    assert step.expected == 4 * step.offered_messages
    assert step.window_s == pytest.approx((step.window_end_ns - step.window_start_ns) / 1e9)
    assert server.stats()["messages_in"] >= step.offered_messages


def interrupted(command: list[str], out: Path, when: Callable[[], bool], number: int) -> tuple[SwarmResult, str, int]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    limit = time.monotonic() + 300
    while not when():
        assert time.monotonic() < limit
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    return result.read(out), output, process.returncode


@pytest.mark.long
def test_a_judge_that_died_is_reported(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    flags = (*SHORT, "--steps", "3,6", "--dwell", "3", "--swarm-out", str(out))
    swarm = subprocess.Popen(swarm_command(server.url, *flags), stdout=subprocess.PIPE, text=True)
    wait_until(lambda: server.stats()["messages_in"] > 10)
    (judge,) = [child for child in psutil.Process(swarm.pid).children() if JUDGE_MODULE in child.cmdline()]
    judge.kill()
    output, _ = swarm.communicate(timeout=300)
    measured = result.read(out)
    assert (swarm.returncode, measured.steps, measured.not_measured) == (1, [], [3, 6])
    assert any("the judge's process has ended" in problem for problem in measured.problems)
    assert "the judge's process has ended" in output


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_swarm_ends_with_what_was_measured(
    start_server: Callable[..., ServerProcess], tmp_path: Path, number: int
) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    flags = (*SHORT, "--steps", "3,6,9", "--dwell", "20", "--warmup", "0", "--swarm-out", str(out))
    command = swarm_command(server.url, *flags)
    measured, output, exit_code = interrupted(command, out, lambda: server.stats()["messages_in"] > 30, number)
    assert exit_code == 1
    assert measured.interrupted
    assert measured.not_measured == [6, 9]
    (step,) = measured.steps
    assert 0 < step.window_s < 20
    assert is_valid_unless_busy(step)
    assert step.missing == 0
    assert step.expected == 3 * step.offered_messages > 30
    assert "Traceback" not in output
    assert "not measured: 6, 9 users" in output
    assert server.clients() == []


@pytest.mark.long
def test_the_web_ui_starts_changes_and_stops_a_swarm(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server()
    out = tmp_path / "out.json"
    command = swarm_command(server.url, "--only-summary", "--web-host", "127.0.0.1", "--swarm-out", str(out))
    command.remove("--headless")
    with httpx.Client(base_url=f"http://127.0.0.1:{(port := free_port())}", trust_env=False, timeout=300) as web:
        process = subprocess.Popen(
            [*command, "--web-port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            wait_until(lambda: responds(web))
            page = web.get("/").text
            assert "room_rate" in page
            assert "poisson" in page
            assert "%(default)s" not in page
            form = {"user_count": "4", "spawn_rate": "50", "room_rate": "40", "dwell": "1", "warmup": "0"}
            assert web.post("/swarm", data=form).json()["success"]
            wait_until(lambda: "delivery" in web.get("/stats/requests").text)
            names = {row["name"]: row for row in web.get("/stats/requests").json()["stats"]}
            assert names["connect"]["num_requests"] == 4
            wait_until(lambda: server.stats()["messages_in"] >= 80)
            assert web.post("/stop").json()["success"]
            wait_until(lambda: out.exists() and server.clients() == [])
            (first,) = result.read(out).steps
            assert (first.users, first.missing) == (4, 0)
            assert first.windows >= 2
            # Fewer users: the rest have left before the next window, and miss nothing.
            for users in (6, 2):
                assert web.post("/swarm", data={**form, "user_count": str(users)}).json()["success"]
                wait_until(lambda: len(server.clients()) == users)  # noqa: B023
                seen = server.stats()["messages_in"]
                wait_until(lambda: server.stats()["messages_in"] > seen + 80)  # noqa: B023
            assert web.post("/stop").json()["success"]
            wait_until(lambda: server.clients() == [])
            assert [(step.users, step.joined, step.missing) for step in result.read(out).steps] == [
                (6, 6, 0),
                (2, 2, 0),
            ]
            # A value that is not allowed is refused with a message, and starts nothing.
            for name, value, message in (
                ("steps", "5,3", "user counts must increase, not '5,3'"),
                ("dwell", "long", "must be a finite number above 0, not 'long'"),
                ("user_count", "many", "the number of users must be a whole number, not 'many'"),
                ("user_count", "0", "there has to be a user, not 0"),
                ("host", "ws://127.0.0.1:99999", "invalid --host 'ws://127.0.0.1:99999'"),
            ):
                answer = web.post("/swarm", data={**form, name: value}).json()
                assert (answer["success"], message in answer["message"]) == (False, True), answer
            # The same process measures again, now with steps.
            assert web.post("/swarm", data={**form, "steps": "2,3"}).json()["success"]
            wait_until(lambda: [step.users for step in result.read(out).steps] == [2, 3])
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=300)
    steps = result.read(out).steps
    assert all(is_valid_unless_busy(step) for step in steps), output
    assert process.returncode == (0 if all(step.valid for step in steps) else 1), output
    assert output.count("Delivery latency") == 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--steps", "10,5"), "user counts must increase"),
        (("--steps", "ten"), "invalid user counts 'ten'"),
        (("--arrival", "bursts"), "choose constant or poisson"),
        (("--room-rate", "0"), "must be a finite number above 0"),
        (("--dwell", "-1"), "must be a finite number above 0"),
        (("--warmup", "nan"), "must be a finite number, 0 or more"),
        (("--dwell", "long"), "must be a finite number above 0, not 'long'"),
        (("--seed", "1.5"), "must be a whole number, 0 or more, not '1.5'"),
        (("--seed", "-1"), "must be a whole number, 0 or more"),
        (("--message-size", "-5"), "must be a whole number, 0 or more"),
        (("--swarm-out", "/nowhere/out.json"), "is not a writable folder"),
        (("--swarm-out", "/"), "it is a folder"),
        (("--header", "no colon"), "'no colon' is no header; write as in 'Authorization: Bearer abc'"),
        (("--header", "Host: x"), "the header 'Host' is set by the handshake and cannot be given"),
        (("--subprotocol", "a b"), "'a b' is no sub-protocol; give one name"),
        (("--url-path", "/a b/{user}"), "--url-path must begin with '/' and be of printable ASCII without spaces"),
    ],
)
def test_wrong_flags_are_refused_with_what_is_allowed(tmp_path: Path, flags: tuple[str, ...], words: str) -> None:
    run = run_swarm("ws://127.0.0.1:1", tmp_path / "out.json", *flags)
    assert run.exit_code == 2
    assert words in run.output


@pytest.mark.parametrize(
    ("host", "path", "words"),
    [
        ("ftp://127.0.0.1", "/{user}", "ws://, wss://, http://, https://"),
        ("ws://127.0.0.1:1", "chat", "must begin with '/'"),
        ("ws://127.0.0.1:1", "/chat?user_id={user}#here", "without spaces and '#'"),
        ("ws://127.0.0.1:1", "/chat/{nick}", "unknown place {nick}"),
        ("ws://127.0.0.1:99999", "/{user}", "invalid --host 'ws://127.0.0.1:99999': Port out of range"),
        ("ws://no.such.host.invalid", "/{user}", "cannot be resolved"),
        ("127.0.0.1:8120", "/{user}", "invalid --host '127.0.0.1:8120'; use one of ws://"),
    ],
)
def test_a_wrong_address_is_refused_before_any_user_joins(tmp_path: Path, host: str, path: str, words: str) -> None:
    run = run_swarm(host, tmp_path / "out.json", *SHORT, "--steps", "3", "--url-path", path)
    assert run.exit_code != 0
    assert words in run.output
    assert "window" not in run.output
    assert "Traceback" not in run.output


def test_a_swarm_without_a_user_is_refused_before_any_joins(tmp_path: Path) -> None:
    run = run_swarm("ws://127.0.0.1:1", tmp_path / "out.json", *SHORT, "-u", "0")
    assert run.exit_code == 1
    assert "there has to be a user, not 0; give -u a whole number from 1" in run.output
    assert "--stalled" not in run.output


def test_results_of_another_format_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="has format 99, this version reads 1"):
        result.read(path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is not a swarm result"):
        result.read(path)


def responds(web: httpx.Client) -> bool:
    try:
        return web.get("/").is_success
    except httpx.TransportError:
        return False
