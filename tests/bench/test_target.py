"""Targets: servers that a file describes, checked and measured."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import TargetError
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.target_file import read_target
from tests.bench.command import bench
from tests.swarm_process import free_port, wait_until

ROOT = Path(__file__).parents[2]
JSON_SERVER = "tests.loadtest.protocol_servers.rooms"
PROTOCOL = """
[protocol]
message = '{"type": "say", "text": "{text}"}'

[[protocol.join]]
send = '{"type": "join", "user": "{user}"}'
await = '"joined"'
refused = '"refused"'

[[protocol.answer]]
to = '"ping"'
send = '{"type": "pong"}'
"""
LOAD = (
    "--users",
    "3",
    "--room-rate",
    "20",
    "--duration",
    "1",
    "--warmup",
    "0.2",
    "--retries",
    "0",
    "--arrival",
    "constant",
)


def started(folder: Path, protocol: str = PROTOCOL) -> Path:
    path = folder / "mine.toml"
    command = f"{sys.executable} -m {JSON_SERVER} {{port}}"
    path.write_text(f"[start]\ncommand = '{command}'\nfolder = '{ROOT}'\nenvironment = {{ A = 'b' }}\n{protocol}")
    return path


@pytest.mark.long
def test_a_described_server_is_checked_and_measured(tmp_path: Path) -> None:
    path = started(tmp_path)
    done = bench("target", "check", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "two users joined, what one said reached the other unaltered" in done.stdout
    bench("compare", "--strategies", "none", "--target", str(path), *LOAD, "--out", str(tmp_path / "out"))
    (cell,) = CampaignFolder(tmp_path / "out").read_summary().cells
    assert (cell.strategy, cell.expected, cell.delivered) == ("mine", 60, 60)
    assert cell.server.rss_mib


@pytest.mark.long
def test_a_server_that_runs_already_is_measured_and_left_running(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", JSON_SERVER, str(port)], cwd=ROOT) as server:
        wait_until(lambda: _accepts(port))
        (tmp_path / "server.pid").write_text(str(server.pid))
        path = tmp_path / "mine.toml"
        path.write_text(f'[running]\naddress = "ws://127.0.0.1:{port}"\npid_file = "server.pid"\n{PROTOCOL}')
        bench("compare", "--strategies", "none", "--target", str(path), *LOAD, "--out", str(tmp_path / "out"))
        (cell,) = CampaignFolder(tmp_path / "out").read_summary().cells
        assert (cell.strategy, cell.expected, cell.delivered) == ("mine", 60, 60)
        assert cell.server.rss_mib
        assert server.poll() is None
        server.kill()


@pytest.mark.long
def test_a_check_says_what_the_server_sent(tmp_path: Path) -> None:
    path = started(tmp_path, PROTOCOL.replace('"type": "join"', '"type": "hello"'))
    done = bench("target", "check", str(path))
    assert done.returncode == 3
    assert "say who you are" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[protocol]\n", "needs one of two tables: [start] with a command, or [running] with an address"),
        ("[join]\n[start]\ncommand = 'x'\n", "does not say where its port goes; write {port} there"),
        ("[join]\n[start]\ncommand = 'x {port}'\nfolder = 'nowhere'\n", "the folder 'nowhere' is not there"),
        ("name = 'My Server'\n[join]\n[running]\naddress = 'ws://h'\n", "invalid name 'My Server'"),
        ("[join]\n[started]\n[running]\naddress = 'ws://h'\n", "unknown started; a target has name, start, running"),
        ("[join]\n[running]\nhost = 'ws://h'\n", "table [running]"),
    ],
)
def test_a_wrong_file_is_refused_with_what_to_put_there(text: str, message: str, tmp_path: Path) -> None:
    if text == "[protocol]\n":
        text = "[protocol]\nname = 'plain'\n"
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(TargetError, match=re.escape(message)):
        read_target(tmp_path / "mine.toml")


def test_init_writes_a_file_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    flags = [
        "--name",
        "mine",
        "--command",
        "python app.py {port}",
        "--address",
        "",
        "--url-path",
        "/ws",
        "--protocol",
        "json",
    ]
    done = bench("target", "init", str(path), *flags)
    assert done.returncode == 0, done.stderr
    target = read_target(path)
    assert target.start is not None
    assert (target.name, target.start.command) == ("mine", "python app.py {port}")
    assert bench("target", "init", str(path), *flags).returncode == 2


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
