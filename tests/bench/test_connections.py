"""The cost of idle connections, measured on real servers with small crowds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from bench.connections.crowd import Crowd
from bench.connections.stored import read_connections
from bench.errors import JoinError
from bench.storage.checkout import PACKAGES
from server.testing.server_process import ServerProcess
from tests.bench.command import bench
from tests.swarm_process import wait_until


@pytest.mark.long
def test_each_strategy_is_measured(tmp_path: Path) -> None:
    crowd = ["--members", "120", "--vanish", "60"]
    done = bench("connections", "--strategies", "direct,coalesced", *crowd, "--out", str(tmp_path / "new"))
    assert done.returncode == 0, done.stderr
    assert "120 idle members" in done.stdout
    rows = [line.split("│")[1:-1] for line in done.stdout.splitlines() if line.startswith("│")]
    assert [row[0].strip() for row in rows] == ["direct", "coalesced"]
    for row in rows:
        kib, cpu_us, one_core, seen, gone_s, shutdown_s, lines = (float(word.replace(",", "")) for word in row[1:])
        assert 1 < kib < 100
        assert one_core == pytest.approx(1e6 / cpu_us, rel=0.02)
        assert seen > 0
        assert 0 <= gone_s < 30
        assert 1 < shutdown_s < 10, "nobody answers the server's close frame, which it waits 2 s for"
        assert lines == 0
    stored = read_connections(tmp_path / "new")
    assert [one.strategy for one in stored.servers] == ["direct", "coalesced"]
    assert [f"{one.bytes_per_connection / 1024:.1f}" for one in stored.servers] == [row[1].strip() for row in rows]
    assert stored.environment.cores > 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--members", "10", "--vanish", "11"], "11 cannot vanish of 10; let fewer vanish"),
        (["--members", "0"], "0 is not in the range 1<=x<=20000"),
    ],
)
def test_invalid_options_are_refused_with_what_is_allowed(flags: list[str], message: str) -> None:
    done = bench("connections", *flags)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.long
@pytest.mark.parametrize(
    ("disturb", "message"),
    [
        (lambda bench, _: bench.send_signal(signal.SIGINT), "coalesced: interrupted by SIGINT"),
        (lambda _, server: server.kill(), "coalesced: "),
    ],
    ids=["interrupted", "server killed"],
)
def test_earlier_measurements_are_shown_when_a_later_one_ends_early(
    disturb: Callable[[subprocess.Popen[str], psutil.Process], None], message: str
) -> None:
    command = [sys.executable, "-m", "bench", "connections", "--strategies", "direct,coalesced", "--members", "1500"]
    with subprocess.Popen(command, cwd=PACKAGES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        lines = iter(process.stderr.readline, "")
        assert any("coalesced: 1,500 members" in line for line in lines)
        wait_until(lambda: connections_of(process.pid) > 60)
        (server,) = psutil.Process(process.pid).children()
        disturb(process, server)
        table, complaint = process.stdout.read(), process.stderr.read()
    assert process.returncode == 3
    assert complaint.startswith(message)
    assert "Traceback" not in complaint
    assert "│ direct " in table
    assert "│ coalesced " not in table
    assert not server.is_running()


def connections_of(pid: int) -> int:
    """Count the connections of a process's one child."""
    return sum(len(child.net_connections()) for child in psutil.Process(pid).children())


@pytest.mark.long
def test_a_strategy_that_cannot_be_used_is_wrong_use_before_any_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[chatroom_bench.strategies]\nbroken = no_such_module:Broken\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = bench("connections", "--strategies", "direct,broken", "--members", "5", "--vanish", "1")
    said = " ".join(done.stderr.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--strategies': cannot use strategy 'broken'" in said
    assert "python -m server" not in said
    assert "direct: 5 members" not in said


def test_a_refused_crowd_reports_the_servers_response(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    parts = urlsplit(server.url)
    address = str(parts.hostname), int(parts.port or 0)
    with Crowd(address) as crowd, Crowd(address) as namesakes:
        crowd.join(3)
        with pytest.raises(JoinError, match=r"409 Conflict.*is taken"):
            namesakes.join(3)
        assert server.stats()["members"] == 3
        crowd.vanish(2)
        wait_until(lambda: server.clients() == ["idle1"])
    wait_until(lambda: server.clients() == [])
