"""The cross-check: real servers, swarms and observers, and how their figures are compared."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from websockets.utils import accept_key

from bench.commands.cross_check import cross_check
from bench.errors import TrialError
from bench.execution.interruption import Interruption
from bench.execution.server_frames import frame_size
from bench.execution.server_process import ChatServer, ListeningProcess, PeerServer
from bench.model.environment import Pinning
from bench.model.plan import Arm, Workload
from bench.model.target import Start
from bench.storage.checkout import PACKAGES
from bench.validation.cross_check.agreement import (
    CrossCheck,
    Figures,
    GeneratorResult,
    Window,
    agree,
    compare,
    percentile,
)
from bench.validation.cross_check.check_runner import CheckRunner
from bench.validation.cross_check.generators import K6Generator, SwarmGenerator
from bench.validation.cross_check.observation import Delivery, Observation, join_positions
from bench.validation.cross_check.observer import Observer
from bench.validation.cross_check.stored import read_cross_check
from server.testing.server_process import ServerProcess
from tests.swarm_process import other_than_busy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's receive times are Linux's")

USERS, OBSERVERS, RATE, MESSAGES = 7, 4, 100, 50
WORKLOAD = Workload(
    users=(USERS,),
    room_rate=RATE,
    message_size=64,
    arrival="constant",
    duration_s=MESSAGES / RATE,
    warmup_s=0,
    drain_s=1,
    join_rate=100,
    notice_limit=0,
)
FAULTY_SERVER = f"{sys.executable} -m bench.validation.faulty_server --every 50"


def direct(log: Path) -> ListeningProcess:
    return ChatServer("direct", 0, log)


def faulty(fault: str) -> Callable[[Path], ListeningProcess]:
    return lambda log: PeerServer(Start(f"{FAULTY_SERVER} --fault {fault} --port {{port}}"), log)


def check_runner(start_server: Callable[[Path], ListeningProcess]) -> CheckRunner:
    return CheckRunner(start_server, Arm("cross-check", "direct"), WORKLOAD, OBSERVERS, 1, Pinning(), Interruption())


# With a real server and a real swarm


@pytest.mark.long
def test_each_observer_sees_exactly_what_the_swarm_sent_in_the_window(tmp_path: Path) -> None:
    check = check_runner(direct).run(SwarmGenerator(), RATE, tmp_path / "run")
    assert other_than_busy(check.problems) == []
    assert check.reported.messages == MESSAGES
    assert check.reported.figures.expected == check.reported.figures.delivered == MESSAGES * USERS
    assert check.observed.expected == check.observed.delivered == MESSAGES * OBSERVERS

    seen = Observation.load(tmp_path / "run" / "witnesses.npz")
    window = check.reported.window
    planned = window.start_ns + np.arange(MESSAGES) * (10**9 // RATE)
    whole_room = None
    for observer in range(OBSERVERS):
        mine = (seen.observer == observer) & (seen.due_ns >= window.start_ns) & (seen.due_ns < window.end_ns)
        assert np.sort(seen.due_ns[mine]).tolist() == planned.tolist()
        messages = set(
            zip(seen.sender[mine].tolist(), seen.seq[mine].tolist(), seen.sent_ns[mine].tolist(), strict=True)
        )
        whole_room = whole_room or messages
        assert messages == whole_room
        assert len(messages) == MESSAGES
    for sender in set(seen.sender.tolist()):
        assert set(seen.seq[seen.sender == sender].tolist()) == set(range(np.max(seen.seq[seen.sender == sender]) + 1))
    assert len(set(seen.sender.tolist())) == USERS


@pytest.mark.long
def test_losses_and_repeats_are_seen_by_the_swarm_and_by_the_observers(tmp_path: Path) -> None:
    check = check_runner(faulty("lose-and-repeat")).run(SwarmGenerator(), RATE, tmp_path / "run")
    deliveries = MESSAGES * (USERS + OBSERVERS)
    missing = [figures.expected - figures.delivered for figures in (check.reported.figures, check.observed)]
    assert sum(missing) == deliveries // 50
    assert min(missing) > 0
    assert any("messages more than once" in remark for remark in check.remarks)


@pytest.mark.long
def test_an_observer_that_cannot_read_a_frame_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="the observers' process ended with exit code 1") as failed:
        check_runner(faulty("fragment")).run(SwarmGenerator(), RATE, tmp_path / "run")
    assert any("only whole, unmasked frames are read here" in line for line in failed.value.failure.log)


def test_a_server_that_ends_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("import sys; sys.exit('no such thing')")
    short_lived = check_runner(lambda log: PeerServer(Start(f"{sys.executable} {tmp_path}/server.py {{port}}"), log))
    with pytest.raises(TrialError, match="the server did not start: it ended with exit code 1") as failed:
        short_lived.run(SwarmGenerator(), RATE, tmp_path / "run")
    assert failed.value.failure.log == ["no such thing"]


def observer_process(server: ServerProcess, out: Path, url_path: str) -> subprocess.Popen[str]:
    port = server.url.rpartition(":")[2]
    flags = ["--host", "127.0.0.1", "--port", port, "--url-path", url_path, "--users", "0", "--observers", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "bench.validation.cross_check", *flags, "--out", str(out)],
        cwd=PACKAGES,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_observer_that_is_refused_reports_it(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    process = observer_process(start_server(), tmp_path / "out.npz", "/chat?user_id=same")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "the server did not let observer 1 in" in errors
    assert "409" in errors


def test_observers_that_lose_their_server_report_it_and_write_their_file(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server("--notice-limit", "0")
    process = observer_process(server, tmp_path / "out.npz", "/chat?user_id={user}")
    deadline = time.monotonic() + 300
    while server.clients() != ["w000", "w001"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    server.stop()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "was disconnected: the server closed the connection" in errors
    assert len(Observation.load(tmp_path / "out.npz").joined_ns) == 2


@pytest.mark.skipif(shutil.which("k6") is None, reason="k6 is not installed")
def test_k6_and_the_observers_count_the_same_messages(tmp_path: Path) -> None:
    check = check_runner(direct).run(K6Generator("k6"), RATE, tmp_path / "run")
    assert other_than_busy(check.problems) == []
    assert check.reported.messages == MESSAGES
    assert check.reported.figures.delivered == MESSAGES * USERS
    assert check.observed.delivered == MESSAGES * OBSERVERS


# The command


@pytest.mark.long
def test_the_command_checks_any_server_and_shows_what_failed(tmp_path: Path) -> None:
    server = f"{sys.executable} -m server --strategy queue --notice-limit 0 --port {{port}}"
    load = ["--users", "4", "--observers", "2", "--room-rate", "20", "--duration", "1", "--warmup", "0"]
    out = tmp_path / "opinions"
    result = CliRunner().invoke(
        cross_check, ["--target-command", server, *load, "--k6", str(tmp_path / "no-k6"), "--out", str(out)]
    )
    stored = read_cross_check(out)
    (check,) = stored.checks
    assert (stored.server, stored.users, stored.observers) == (server, 4, 2)
    assert stored.environment.cores > 0
    assert (check.observed.delivered, check.reported.figures.delivered) == (2 * 20, 4 * 20)
    assert check.deliveries_per_s == 6 * 20
    assert "k6 cannot be run" in result.stderr
    assert "give the path of its binary (--k6)" in result.stderr
    assert "swarm" in result.stdout
    assert ("agree" if check.agrees else "differ") in result.stdout
    assert result.exit_code == 3


@pytest.mark.long
def test_without_any_result_there_is_no_table() -> None:
    server = f"{FAULTY_SERVER} --fault fragment --port {{port}}"
    load = ["--users", "4", "--witnesses", "2", "--room-rate", "20", "--duration", "1", "--warmup", "0"]
    result = CliRunner().invoke(cross_check, ["--target-command", server, *load])
    assert result.exit_code == 3
    assert "4 users, 2 observers, 20 messages/s" in result.stderr, "by the old name of the flag too"
    assert "only whole, unmasked frames are read here" in result.stderr
    assert result.stdout == ""


def test_a_server_that_does_not_start_fails_the_call(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("import sys; sys.exit('no such thing')")
    out = tmp_path / "opinions"
    flags = ["--target-command", f"{sys.executable} {tmp_path}/server.py {{port}}", "--out", str(out)]
    result = CliRunner().invoke(cross_check, flags)
    assert result.exit_code == 3
    assert "no such thing" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--strategy", "nope"], "unknown strategy 'nope'"),
        (["--target-command", "python app.py"], "write {port} there"),
        (["--room-rate", "10,fast"], "invalid list of rates '10,fast'; write as in 10,40,100"),
        (["--room-rate", "10,0"], "rates must be finite and above 0, not '10,0'"),
        (["--out", "."], "give a folder that does not exist yet"),
    ],
)
def test_invalid_options_are_refused(flags: list[str], says: str) -> None:
    result = CliRunner().invoke(cross_check, flags)
    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())


# Frames


PAYLOADS = (b"", b"lt1|000001|00000002|%019d|%019d|" % (3, 4), b"x" * 125, b"x" * 126, b"x" * 65_535, b"x" * 65_536)


def frame(payload: bytes, first_byte: int = 0x81) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([first_byte, size]) + payload
    return bytes([first_byte]) + (b"\x7e" + size.to_bytes(2) if size < 2**16 else b"\x7f" + size.to_bytes(8)) + payload


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_frame_is_read_to_its_end_and_no_further(payload: bytes) -> None:
    whole = frame(payload)
    size = 2
    for _ in range(3):  # two bytes, then the header, then the frame
        size = frame_size(whole[:size])
    assert size == len(whole)


@pytest.mark.parametrize("head", [b"\x01\x05", b"\x80\x05", b"\x83\x00", b"\x81\x85"])
def test_fragments_unknown_opcodes_and_masked_frames_are_not_read(head: bytes) -> None:
    with pytest.raises(ValueError, match=f"a frame begins with {head.hex()}"):
        frame_size(head)


async def test_an_observer_reads_a_stream_in_any_pieces_and_answers_pings() -> None:
    stamp = b'{"text": "lt1|000001|00000002|%019d|%019d|xxx"}' % (3, 4)
    stream = frame(stamp + b"y" * 200) + frame(b"Hi", 0x89) + frame(b"no stamp") + frame(stamp) * 2
    ended, pong = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = request.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        writer.write(f"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode() + stream[:7])
        for position in range(7, len(stream)):
            writer.write(stream[position : position + 1])
            await writer.drain()
            await asyncio.sleep(0)
        pong.set_result(await reader.readexactly(8))
        writer.close()

    deliveries: list[Delivery] = []
    async with asyncio.timeout(10), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        observer = Observer(5, deliveries.append, ended.set)
        await observer.join(server.sockets[0].getsockname(), "/chat")
        await ended.wait()
        assert await pong == b"\x8a\x82" + bytes(4) + b"Hi"
        observer.close()
    assert observer.why_ended == "the server closed the socket"
    assert [delivery[:5] for delivery in deliveries] == [(5, 1, 2, 3, 4)] * 3


# Agreement


WINDOW = Window(1_000_000_000, 2_000_000_000, 3_000_000_000)
RESULT = GeneratorResult("swarm", WINDOW, 2, Figures(4, 4, 1.0, 1.0), uncertainty_ms=0.1)
DUE_NS = 1_500_000_000


def delivery(observer: int, seq: int, latency_ms: float, due_ns: int = DUE_NS) -> Delivery:
    return Delivery(observer, 0, seq, due_ns, due_ns, due_ns + int(latency_ms * 1e6), from_kernel=True)


def check_of(
    deliveries: list[Delivery], result: GeneratorResult = RESULT, joined_after: tuple[int, int] = (0, 2)
) -> CrossCheck:
    seen = Observation.of(deliveries, [(10, after) for after in joined_after])
    return compare(result, seen, users=2, observers=2, room_rate=2)


ALL = [delivery(observer, seq, 1.4) for observer in (0, 1) for seq in (0, 1)]


def test_figures_within_the_tolerance_agree() -> None:
    check = check_of(ALL)
    assert check.observed == Figures(4, 4, 1.4, 1.4)
    assert check.deliveries_per_s == 8
    assert (check.problems, check.remarks) == ([], [])
    assert check.agrees


@pytest.mark.parametrize(
    ("low_ms", "observed_ms", "agrees"),
    [(10.5, 10.9, True), (10.5, 9.6, True), (10.5, 9.4, False), (None, 10.9, False)],
)
def test_what_is_observed_may_lie_anywhere_in_the_bracket(
    low_ms: float | None, observed_ms: float, agrees: bool
) -> None:
    assert agree(12.4, observed_ms, low_ms) is agrees
    assert not agree(None, observed_ms, low_ms)


def test_a_delivery_that_came_after_the_drain_counts_as_never() -> None:
    too_late = delivery(1, 1, 2_000)
    check = check_of([*ALL[:3], too_late])
    assert check.observed == Figures(4, 3, 1.4, None)
    assert not check.agrees


def test_only_messages_of_the_window_count() -> None:
    outside = [delivery(0, seq, 900, due_ns=due_ns) for seq, due_ns in ((7, 999_999_999), (8, 2_000_000_000))]
    assert check_of([*ALL, *outside]) == check_of(ALL)


def test_the_first_copy_counts() -> None:
    check = check_of([*ALL, delivery(0, 0, 90)])
    assert check.observed == check_of(ALL).observed
    assert check.remarks == ["the observers got 1 messages more than once; the first copy counts"]


def test_a_message_that_the_generator_did_not_send_is_a_problem() -> None:
    check = check_of([*ALL, delivery(0, 2, 1.4)])
    assert check.problems == [
        "the observers saw 3 messages of the window, the generator says it sent 2",
    ]
    assert not check.agrees


def test_observers_that_joined_late_or_elsewhere_are_reported() -> None:
    seen = Observation.of(ALL, [(10, 0), (WINDOW.start_ns, 5)])
    check = compare(RESULT, seen, users=2, observers=2, room_rate=2)
    assert "only 1 of 2 observers were in the room when the window began" in check.problems[0]
    assert "an observer joined 3 members away from its position" in check.remarks[0]
    assert not check.agrees


def test_an_invalid_generator_result_never_agrees() -> None:
    assert not check_of(ALL, msgspec.structs.replace(RESULT, problems=["too late"])).agrees


def test_without_deliveries_there_are_no_percentiles() -> None:
    assert check_of([]).observed == Figures(4, 0, None, None)


@pytest.mark.parametrize(
    ("reported_ms", "observed_ms", "agrees"),
    [
        (1.5, 1.0, True),
        (1.51, 1.0, False),
        (0.5, 1.0, True),
        (110, 100, True),
        (110.1, 100, False),
        (89.9, 100, False),
        (None, None, True),
        (None, 100, False),
        (100, None, False),
    ],
)
def test_the_tolerance_is_the_larger_of_a_tenth_and_half_a_millisecond(
    reported_ms: float | None, observed_ms: float | None, agrees: bool
) -> None:
    assert agree(reported_ms, observed_ms) is agrees


def test_percentiles_are_over_what_was_expected() -> None:
    values = [float(value) for value in range(99, 0, -1)]
    assert percentile(values, 99, 0.5) == 50
    assert percentile(values, 100, 0.99) == 99
    assert percentile(values, 101, 0.99) is None
    assert percentile([], 0, 0.5) is None


def test_join_positions_are_equally_far_apart_from_first_to_last() -> None:
    assert join_positions(500, 21) == list(range(0, 501, 25))
    assert join_positions(7, 4) == [0, 2, 4, 7]


def test_stored_names_stay_as_they_were(tmp_path: Path) -> None:
    Observation.of(ALL, [(10, 0), (20, 2)]).save(tmp_path / "witnesses.npz")
    with np.load(tmp_path / "witnesses.npz") as file:
        assert file.files[:2] == ["witness", "sender"]
    stored = msgspec.to_builtins(check_of(ALL))
    assert list(stored) == ["room_rate", "deliveries_per_s", "claim", "witnessed", "problems", "remarks"]


def test_an_observation_is_the_same_after_saving(tmp_path: Path) -> None:
    seen = Observation.of([*ALL, ALL[0]._replace(from_kernel=False)], [(10, 0), (20, 2)])
    seen.save(tmp_path / "witnesses.npz")
    read = Observation.load(tmp_path / "witnesses.npz")
    for name in Observation.__slots__:
        assert getattr(read, name).dtype == np.int64
        assert getattr(read, name).tolist() == getattr(seen, name).tolist()
    assert read.from_kernel.tolist() == [1, 1, 1, 1, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["witnesses.npz"]
