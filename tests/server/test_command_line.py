"""How the server starts, what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import psutil
import pytest
from click.testing import CliRunner

from server.__main__ import main
from server.settings import Settings
from server.testing.chat_user import TIMEOUT_S, fill_buffers, join, join_and_never_read
from server.testing.server_process import ROOT, ServerProcess
from tests.server.in_process import serve_here


def run_server(*flags: str) -> subprocess.CompletedProcess[str]:
    """Run a server that must end by itself."""
    command = [sys.executable, "-m", "server", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_ready_line_is_all_of_stdout(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "direct")
    port = re.fullmatch(
        rf"chatroom ready on http://127\.0\.0\.1:(\d+) strategy=direct pid={server.process.pid}\n",
        server.ready_line,
    )
    assert port is not None
    assert server.get("/healthz").is_success
    assert server.stop(signal.SIGINT) == 0
    assert server.rest_of_stdout() == ""


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_address_of_ipv6_is_in_brackets(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--host", "::1")
    assert server.url.startswith("http://[::1]:")
    assert server.get("/healthz").is_success


def test_port_taken(start_server: Callable[..., ServerProcess]) -> None:
    port = str(httpx.URL(start_server().url).port)
    ended = run_server("--port", port)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert ended.stderr.endswith("; choose another --host or --port\n")
    assert ended.stderr.count("\n") == 1


def test_unknown_host() -> None:
    ended = CliRunner().invoke(main, ["--host", "nowhere.invalid", "--port", "0"])
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: cannot listen on nowhere.invalid port 0: ")
    assert ended.stderr.count("\n") == 1


def test_unknown_strategy() -> None:
    ended = run_server("--strategy", "fast")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "unknown strategy 'fast'; choose direct, queue, gather or coalesced\n" in ended.stderr


@pytest.mark.parametrize(
    "flag",
    [
        "--port=65536",
        "--max-members=0",
        "--max-rooms=0",
        "--history=-1",
        "--max-message-bytes=0",
        "--notice-limit=-1",
        "--outbox-bytes=0",
        "--slow-after=0.0",
    ],
)
def test_number_out_of_range(flag: str) -> None:
    ended = CliRunner().invoke(main, [flag])
    name, number = flag.split("=")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"Invalid value for '{name}': {number} is not in the range " in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the limits of another process")
def test_open_file_limit_is_raised(start_server: Callable[..., ServerProcess]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        server = start_server("--max-members", "500")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = psutil.Process(server.process.pid).rlimit(resource.RLIMIT_NOFILE)
    assert limits == (min(1_500, hard), hard)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--slow-after", "nan"), "nan is no number to count with"),
        (("--slow-after", "inf"), "inf is no number to count with"),
        (("--max-bytes-per-second", "nan"), "nan is no number to count with"),
        *(
            (("--allowed-host", host), f"bad host '{host}'; give a name alone")
            for host in ("http://x/", "chat.example.org:8000", "*.example.org", "b\u00fccher.example", "a b", "")
        ),
        (("--allowed-origin", "chat.example.org"), "bad origin 'chat.example.org'; give SCHEME://HOST[:PORT]"),
    ],
)
def test_values_that_make_no_sense(flags: tuple[str, str], message: str) -> None:
    ended = CliRunner().invoke(main, flags)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert message in ended.stderr


@pytest.mark.skipif(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, reason="whoever started this ignores it")
async def test_a_hang_up_stops_the_server_as_a_termination_does(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    async with join(server.chat_url("alice")) as alice:
        server.process.send_signal(signal.SIGHUP)
        assert await alice.close_code() == 1012
    assert await asyncio.to_thread(server.process.wait, TIMEOUT_S) == 0


async def test_second_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    longer_than_the_test_may_take_s = 300
    monkeypatch.setattr("server.protocol.CLOSE_GRACE_S", longer_than_the_test_may_take_s)
    with ExitStack() as until_after_the_server:
        async with serve_here(Settings()) as (server, address):
            server.config.timeout_graceful_shutdown = longer_than_the_test_may_take_s
            stalled = await asyncio.to_thread(join_and_never_read, f"ws://{address}/chat?user_id=stalled")
            until_after_the_server.enter_context(stalled)
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)


async def test_forced_exit_prints_nothing(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "direct")
    with join_and_never_read(server.chat_url("stalled")):
        async with join(server.chat_url("alice")) as alice:
            await fill_buffers(server, alice)
            server.process.send_signal(signal.SIGINT)
            assert await alice.close_code() == 1012
            assert await asyncio.to_thread(server.stop, signal.SIGINT) == 0
