"""Targets: servers that a file describes, checked and measured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.commands.main import main
from bench.connections.stored import read_connections
from bench.errors import TargetError, TrialError
from bench.execution.environments import prepare
from bench.execution.interruption import Interruption
from bench.execution.server_process import PeerServer
from bench.model.target import Start
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.target_file import read_target
from bench.validation.cross_check.stored import read_cross_check
from tests.swarm_process import accepts, free_port, wait_until

ROOT = Path(__file__).parents[2]
JSON_SERVER = "tests.loadtest.protocol_servers.rooms"
SOCKETIO_SERVER = "tests.loadtest.protocol_servers.socketio_chat"
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


def bench(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.mark.long
def test_a_described_server_is_checked_and_measured(tmp_path: Path) -> None:
    path = started(tmp_path)
    done = bench("target", "check", str(path))
    assert done.exit_code == 0, done.output
    steps = [line for line in done.output.splitlines() if line.startswith("ok: ")]
    assert [step.split()[1] for step in steps] == [str(path), "it", "two", "what", "its"]
    bench("compare", "--strategies", "none", "--target", str(path), *LOAD, "--out", str(tmp_path / "out"))
    (cell,) = CampaignFolder(tmp_path / "out").read_summary().cells
    assert (cell.strategy, cell.expected, cell.delivered) == ("mine", 60, 60)
    assert cell.server.rss_mib


@pytest.mark.long
def test_a_server_that_runs_already_is_measured_and_left_running(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", JSON_SERVER, str(port)], cwd=ROOT) as server:
        wait_until(lambda: accepts(port))
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
@pytest.mark.skipif(sys.platform != "linux", reason="observers need the kernel's receive times")
@pytest.mark.parametrize("speaks", ["json", "socketio"])
def test_observers_join_a_described_server_as_the_file_says(speaks: str, tmp_path: Path) -> None:
    path = started(tmp_path)
    if speaks == "socketio":
        command = f"{sys.executable} -m {SOCKETIO_SERVER} {{port}}"
        path.write_text(f"[start]\ncommand = '{command}'\nfolder = '{ROOT}'\n[protocol]\nname = 'socketio'\n")
    load = ("--users", "4", "--observers", "2", "--room-rate", "20", "--duration", "1", "--warmup", "0")
    done = bench("cross-check", "--target", str(path), *load, "--out", str(tmp_path / "out"))
    stored = read_cross_check(tmp_path / "out")
    assert stored.server == "mine", done.output
    (check,) = stored.checks
    assert (check.observed.delivered, check.reported.figures.delivered) == (2 * 20, 4 * 20), done.output


@pytest.mark.long
def test_idle_members_join_a_described_server_as_the_file_says(tmp_path: Path) -> None:
    crowd = ("--members", "60", "--vanish", "20", "--out", str(tmp_path / "out"))
    done = bench("connections", "--strategies", "none", "--target", str(started(tmp_path)), *crowd)
    assert done.exit_code == 0, done.output
    (mine,) = read_connections(tmp_path / "out").servers
    assert (mine.strategy, mine.members, mine.vanished) == ("mine", 60, 20)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("connections",), "'mine' runs already, and is to be started and stopped here; give it a [start]"),
        (("cross-check", "--target-command", "app {port}"), "both say which server to check; give one of them"),
        (("cross-check",), "observers join without TLS; give the address of the server behind it (ws://)"),
    ],
)
def test_a_target_that_a_subcommand_cannot_use_is_refused(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[running]\naddress = "wss://chat.example.org"\n[join]\n')
    done = bench(*words, "--target", str(path))
    assert done.exit_code == 2
    assert told in " ".join(done.output.replace("│", " ").split())


@pytest.mark.long
def test_a_check_says_what_the_server_sent(tmp_path: Path) -> None:
    path = started(tmp_path, PROTOCOL.replace('"type": "join"', '"type": "hello"'))
    done = bench("target", "check", str(path))
    assert done.exit_code == 3
    assert "say who you are" in done.stderr
    assert '"type": "hello"' in done.stderr, "what was sent"
    assert "two users joined" not in done.output


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
    assert done.exit_code == 0, done.stderr
    target = read_target(path)
    assert target.start is not None
    assert (target.name, target.start.command) == ("mine", "python app.py {port}")
    assert bench("target", "init", str(path), *flags).exit_code == 2


def test_what_init_is_told_is_written_as_it_was(tmp_path: Path) -> None:
    path, command = tmp_path / "mine.toml", """sh -c 'python "my app.py" --path \\n {port}'"""
    flags = ["--name", "mine", "--command", command, "--url-path", "/ws?q='{user}'", "--protocol", "plain"]
    done = bench("target", "init", str(path), *flags)
    assert done.exit_code == 0, done.stderr
    target = read_target(path)
    assert target.start is not None
    assert target.start.command == command


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("--name", "Ours!", "invalid name 'Ours!'"),
        ("--command", "python app.py", "write {port} there"),
        ("--url-path", "ws", "must begin with '/'"),
    ],
)
def test_init_refuses_what_could_not_be_read(flag: str, value: str, told: str, tmp_path: Path) -> None:
    given = {"--name": "mine", "--command": "x {port}", "--url-path": "/ws", "--protocol": "plain"} | {flag: value}
    words = [word for pair in given.items() for word in pair]
    done = bench("target", "init", str(tmp_path / "mine.toml"), *words)
    assert done.exit_code == 2
    assert told in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "mine.toml").exists()


def test_nobody_at_the_address_of_a_running_server_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'[join]\n[running]\naddress = "ws://127.0.0.1:{free_port()}"\n')
    done = bench("target", "check", str(path))
    assert done.exit_code == 3
    assert "it accepts connections" not in done.output
    assert "nobody accepts connections at ws://127.0.0.1" in done.stderr


def test_how_to_join_a_rival_is_refused_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[join]\n[running]\naddress = "ws://127.0.0.1:1"\n')
    done = bench("compare", "--target", str(path), "--url-path", "/x", "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "--url-path says how to join a --rival, and there is none" in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_ready_check_that_fails_is_told_with_what_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.execution.server_process.START_LIMIT_S", 0.5)
    command = f"{sys.executable} -m http.server {{port}} --bind 127.0.0.1"
    with PeerServer(Start(command, str(tmp_path), ready="/nope"), tmp_path / "log") as server:
        wait_until(lambda: accepts(server._host_and_port[1]))
        with pytest.raises(TrialError, match=r"GET /nope at port [0-9]+ last gave: HTTP Error 404"):
            server.await_ready(Interruption())


def test_without_packages_a_target_runs_with_this_python(tmp_path: Path) -> None:
    made = prepare(Start("{python} app.py {port}", str(tmp_path)), pytest.fail)
    assert made.command == f"{sys.executable} app.py {{port}}"


def test_what_a_target_needs_and_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="it needs no-such-program, which is not here"):
        prepare(Start("x {port}", str(tmp_path), needs=("no-such-program",)), pytest.fail)
    with pytest.raises(TrialError, match="cannot read"):
        prepare(Start("x {port}", str(tmp_path), requirements="requirements.txt"), pytest.fail)


@pytest.mark.long
def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    start, told = Start("{python} app.py {port}", str(tmp_path), requirements="requirements.txt"), list[str]()
    made = prepare(start, told.append)
    assert prepare(start, told.append) == made
    assert len(told) == 1
    interpreter = made.command.split()[0]
    assert interpreter.startswith(str(tmp_path / "cache"))
    assert subprocess.run([interpreter, "-c", "import msgspec"], check=False, capture_output=True).returncode == 1
    (tmp_path / "requirements.txt").write_text("no such package\n")
    with pytest.raises(TrialError, match="ended with"):
        prepare(start, told.append)
