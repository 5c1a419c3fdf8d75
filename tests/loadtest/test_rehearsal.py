"""The check before a run: whatever the server does, the swarm ends and says what that was."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.sync.server import ServerConnection

from loadtest.client.endpoint import Endpoint
from loadtest.client.target import resolve
from loadtest.coordinator.rehearsal import exchange, rehearse
from loadtest.errors import RehearsalError
from tests.loadtest.rude_server import LIMIT_S, close_at_once, rude_server
from tests.swarm_process import ROOT, run_swarm


def close_when_spoken_to(member: ServerConnection) -> None:
    for _ in member:
        member.close(1008, "\x1b[31mnot\nhere")


def hang_up(member: ServerConnection) -> None:
    member.socket.shutdown(socket.SHUT_RDWR)


def close_with_the_reply(listener: socket.socket) -> None:
    """Let two members in and out again, with all in one write, and hang up without a wait for their close frames."""
    for _ in range(2):
        member, _address = listener.accept()
        with member:
            protocol = ServerProtocol()
            protocol.receive_data(member.recv(65_536))
            (request,) = protocol.events_received()
            assert isinstance(request, Request)
            protocol.send_response(protocol.accept(request))
            protocol.send_close(4001, "unauthorised")
            member.sendall(b"".join(protocol.data_to_send()))


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (close_at_once, "the server closed the connection with code 4001 unauthorised"),
        (close_when_spoken_to, "the server closed the connection with code 1008 \ufffd[31mnot here"),
        (hang_up, "the server closed the connection without a close frame"),
    ],
)
def test_a_server_that_ends_the_connection_is_told_with_its_reason(
    does: Callable[[ServerConnection], None], words: str
) -> None:
    with rude_server(does) as host, pytest.raises(RehearsalError) as refused:
        rehearse(resolve(host, Endpoint("/{user}")), 64, has_echo=True)
    assert words in str(refused.value)
    assert "give what it asks for" in str(refused.value)


def shorten(members: set[ServerConnection]) -> Callable[[ServerConnection], None]:
    """Pass on the first half of each message, once two members are there."""
    both = threading.Barrier(2, timeout=LIMIT_S)

    def serve(member: ServerConnection) -> None:
        members.add(member)
        both.wait()
        for message in member:
            for each in members:
                each.send(message[: len(message) // 2])

    return serve


def test_a_server_that_alters_a_text_is_told_with_what_was_sent_and_received() -> None:
    told: list[str] = []
    with rude_server(shorten(set())) as host, pytest.raises(RehearsalError) as refused:
        exchange(resolve(host, Endpoint("/{user}")), 64, has_echo=True, tell=told.append)
    assert told == ["two users joined"]
    sent, received = re.findall(r"lt1\|[\w|.]*\w", str(refused.value))
    assert len(sent) > len(received) > 10
    assert sent.startswith(received)
    assert "the last text that it received, of 1: lt1|" in str(refused.value)
    assert "url_path of [join]" in str(refused.value)


def test_a_close_frame_that_comes_with_the_reply_to_the_handshake_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        serving = threads.submit(close_with_the_reply, listener)
        with pytest.raises(RehearsalError, match="code 4001 unauthorised"):
            rehearse(resolve(f"ws://127.0.0.1:{listener.getsockname()[1]}", Endpoint("/{user}")), 64, has_echo=True)
        serving.result(LIMIT_S)


def test_a_swarm_that_is_not_let_in_ends_with_the_close_code(tmp_path: Path) -> None:
    with rude_server(close_at_once) as host:
        run = run_swarm(host, tmp_path / "out.json", "--steps", "3")
    assert run.exit_code == 1
    assert "code 4001 unauthorised" in run.output
    assert "Traceback" not in run.output


def test_a_fault_of_the_swarm_itself_before_users_join_ends_the_run(tmp_path: Path) -> None:
    locustfile = ROOT / "tests" / "loadtest" / "failing_locustfile.py"
    with rude_server() as host:
        run = run_swarm(host, tmp_path / "out.json", "--steps", "3", locustfile=locustfile)
    assert run.exit_code == 1
    assert "the swarm itself failed before any user joined: RuntimeError('made up')" in run.output
