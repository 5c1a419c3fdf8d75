"""The protocols: every driver against the contract, and against a real server that speaks it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.frames import Opcode

from loadtest.errors import ConnectError, OptionError
from loadtest.protocols.description import read_tables
from loadtest.protocols.driver import Driver, Identity
from loadtest.protocols.registry import PROTOCOLS, from_table
from loadtest.protocols.templates import Templates
from loadtest.schedule.stamp import stamped_text
from tests.swarm_process import accepts, free_port, is_valid_unless_busy, only_step, run_swarm, wait_until

SERVERS = "tests.loadtest.protocol_servers"
USERS, RATE, SECONDS = 5, 50, 3
LOAD = ("--steps", str(USERS), "--room-rate", str(RATE), "--dwell", str(SECONDS), "--arrival", "constant")
QUICK = (*LOAD, "--warmup", "0.2", "--drain", "5", "-r", "50")
JSON = """
[join]
url_path = "/anything"

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
MSGPACK = """
[protocol]
frames = "msgpack"
message = '{"type": "say", "text": "{text}"}'

[[protocol.join]]
send = '{"type": "join", "user": "{user}"}'
await = "joined"

[[protocol.answer]]
to = "ping"
send = '{"type": "pong"}'
"""

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text()
FILE = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```toml\n(\[(?:join|protocol)\]\n.*?)^```$", re.MULTILINE | re.DOTALL)

Start = Callable[..., str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a module of `protocol_servers`, or another command with `{port}` in it; returns the address."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(module: str, *flags: str, command: list[str] | None = None) -> str:
        port = free_port()
        words = command or [sys.executable, "-m", f"{SERVERS}.{module}", "{port}", *flags]
        processes.append(subprocess.Popen([word.replace("{port}", str(port)) for word in words]))
        wait_until(lambda: accepts(port))
        return f"ws://127.0.0.1:{port}"

    yield begin
    for process in processes:
        process.kill()
        process.wait()


# The contract

DRIVERS = {
    **{name: kind() for name, kind in PROTOCOLS.items()},
    "json": from_table({"message": '{"type": "say", "text": "{text}"}'}),
    "binary": from_table({"message": "<{text}>", "frames": "binary"}),
    "msgpack": from_table({"message": '{"type": "say", "body": ["{text}", 7]}', "frames": "msgpack"}),
}
each_driver = pytest.mark.parametrize("kind", DRIVERS.values(), ids=list(DRIVERS))


@each_driver
def test_a_wrapped_text_is_there_once_and_unaltered(kind: Driver) -> None:
    text = stamped_text(7, 12, 3, 4, 300)
    wrapped = kind.wrap(text)
    assert wrapped.count(text) == 1
    assert kind.wrap(text) == wrapped
    assert kind.opcode in (Opcode.TEXT, Opcode.BINARY)
    assert kind.url_path.startswith("/")
    if kind.opcode is Opcode.TEXT:
        wrapped.decode()


def exchange(kind: Driver, said: bytes) -> list[bytes]:
    """Join a server that says one thing at each step, up to 20; return what the driver sent."""
    joining, sent = kind.join(Identity("anna", "secret")), []
    with suppress(StopIteration):
        step = next(joining)
        for _ in range(20):
            if step is not None:
                sent.append(step)
            step = joining.send(said if step is None else b"")
    return sent


@each_driver
def test_what_is_sent_while_joining_is_of_the_protocols_kind(kind: Driver) -> None:
    try:
        sent = exchange(kind, b"?")
    except ConnectError as error:
        assert "is the protocol the right one?" in str(error)  # noqa: PT017 - a protocol may also wait on
    else:
        assert all(sent)


# With real servers


def test_a_protocol_described_in_a_file_is_measured_exactly(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(JSON)
    run = run_swarm(start("rooms"), tmp_path / "out.json", *QUICK, "--protocol", str(tmp_path / "mine.toml"))
    step = only_step(run)
    assert is_valid_unless_busy(step), step.reasons
    assert (step.expected, step.delivered, step.corrupted) == (RATE * SECONDS * USERS,) * 2 + (0,)


@pytest.mark.long
def test_messagepack_is_measured_exactly(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MSGPACK)
    server = start("rooms", "--msgpack")
    step = only_step(run_swarm(server, tmp_path / "out.json", *QUICK, "--protocol", str(tmp_path / "mine.toml")))
    assert is_valid_unless_busy(step), step.reasons
    assert (step.expected, step.delivered, step.corrupted) == (RATE * SECONDS * USERS,) * 2 + (0,)


@pytest.mark.long
def test_a_server_without_an_echo_is_described_so(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(JSON.replace("[join]", "[join]\nhears_itself = false"))
    server = start("rooms", "--no-echo")
    step = only_step(run_swarm(server, tmp_path / "out.json", *QUICK, "--protocol", str(tmp_path / "mine.toml")))
    assert (step.expected, step.delivered) == (RATE * SECONDS * (USERS - 1),) * 2


@pytest.mark.long
def test_who_is_refused_reads_what_the_server_said(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(JSON.replace('"join"', '"hello"'))
    run = run_swarm(start("rooms"), tmp_path / "out.json", *QUICK, "--protocol", str(tmp_path / "mine.toml"))
    assert "say who you are" in run.output
    assert run.exit_code == 1


@pytest.mark.long
def test_socketio_is_measured_exactly_and_its_pings_are_answered(start: Start, tmp_path: Path) -> None:
    pytest.importorskip("socketio")
    run = run_swarm(start("socketio_chat"), tmp_path / "out.json", *QUICK, "--protocol", "socketio")
    step = only_step(run)
    assert is_valid_unless_busy(step), step.reasons
    assert (step.expected, step.delivered) == (RATE * SECONDS * USERS,) * 2


@pytest.mark.long
def test_each_user_has_a_token(start: Start, tmp_path: Path) -> None:
    pytest.importorskip("socketio")
    (tmp_path / "tokens").write_text("secret-1\nsecret-2\n")
    server = start("socketio_chat", "--tokens")
    flags = (*QUICK, "--protocol", "socketio")
    step = only_step(run_swarm(server, tmp_path / "out.json", *flags, "--token-file", str(tmp_path / "tokens")))
    assert step.joined == USERS
    refused = run_swarm(server, tmp_path / "none.json", *flags)
    assert "no token" in refused.output


@pytest.mark.long
@pytest.mark.skipif(shutil.which("rackup") is None, reason="Debian's ruby-actioncable, puma and rackup are not here")
def test_action_cable_is_measured_exactly(start: Start, tmp_path: Path) -> None:
    rack = Path(__file__).parent / "protocol_servers" / "cable.ru"
    server = start("", command=["rackup", "-s", "puma", "-o", "127.0.0.1", "-p", "{port}", str(rack)])
    step = only_step(run_swarm(server, tmp_path / "out.json", *QUICK, "--protocol", "actioncable"))
    assert is_valid_unless_busy(step), step.reasons
    assert (step.expected, step.delivered) == (RATE * SECONDS * USERS,) * 2


@pytest.mark.long
@pytest.mark.skipif(not RABBITMQ.exists(), reason="Debian's rabbitmq-server is not here")
def test_stomp_is_measured_exactly(tmp_path: Path) -> None:
    """RabbitMQ's web-stomp, as a node of its own."""
    ports = {name: free_port() for name in ("RABBITMQ_NODE_PORT", "RABBITMQ_DIST_PORT", "web")}
    (tmp_path / "plugins").write_text("[rabbitmq_web_stomp].\n")
    (tmp_path / "rabbitmq.conf").write_text(
        f"web_stomp.tcp.port = {ports['web']}\nweb_stomp.tcp.ip = 127.0.0.1\nstomp.listeners.tcp = none\n"
    )
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "RABBITMQ_NODENAME": f"bench{ports['web']}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports["RABBITMQ_NODE_PORT"]),
        "RABBITMQ_DIST_PORT": str(ports["RABBITMQ_DIST_PORT"]),
        "RABBITMQ_MNESIA_BASE": str(tmp_path / "data"),
        "RABBITMQ_LOG_BASE": str(tmp_path / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(tmp_path / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(tmp_path / "rabbitmq"),
        "RABBITMQ_PID_FILE": str(tmp_path / "pid"),
    }
    with subprocess.Popen(
        [str(RABBITMQ)], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    ) as broker:
        try:
            wait_until(lambda: accepts(ports["web"]))
            host = f"ws://127.0.0.1:{ports['web']}"
            step = only_step(run_swarm(host, tmp_path / "out.json", *QUICK, "--protocol", "stomp"))
        finally:
            os.killpg(broker.pid, signal.SIGKILL)
    assert is_valid_unless_busy(step), step.reasons
    assert (step.expected, step.delivered) == (RATE * SECONDS * USERS,) * 2


@pytest.mark.long
def test_the_driver_of_the_page_works_as_it_says(start: Start, tmp_path: Path) -> None:
    package, site = tmp_path / "shouting", tmp_path / "site"
    package.mkdir()
    for name, text in FILE.findall(PAGE):
        (package / name).write_text(text)
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    install = [sys.executable, "-m", "pip", "install", *offline, "--target", str(site), str(package)]
    subprocess.run(install, check=True, timeout=300)
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    flags = (*QUICK, "--protocol", "shouting")
    step = only_step(run_swarm(start("shouting"), tmp_path / "out.json", *flags, environment=environment))
    assert is_valid_unless_busy(step), step.reasons
    assert (step.expected, step.delivered) == (RATE * SECONDS * USERS,) * 2


@pytest.mark.parametrize("block", EXAMPLE.findall(PAGE), ids=lambda block: block.splitlines()[0])
def test_the_descriptions_of_the_page_are_right(block: str, tmp_path: Path) -> None:
    (tmp_path / "example.toml").write_text(block)
    assert read_tables(tmp_path / "example.toml").driver.wrap(b"text")


# Descriptions and names


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "xmpp"}, "unknown protocol 'xmpp'; choose actioncable, json, plain, socketio, stomp"),
        ({"message": "hello"}, "the protocol's message must have {text} once, not 'hello'"),
        ({"message": "{text}", "joins": []}, "Object contains unknown field `joins`"),
        ({"message": "{text}", "frames": "msgpack"}, "templates are JSON, which '{text}' is not"),
        ({"name": "socketio", "channel": "x"}, "its settings are: event, join_event"),
    ],
)
def test_a_wrong_description_is_refused_with_what_is_allowed(table: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as refused:
        from_table(table)
    assert message in str(refused.value)


def test_a_file_without_a_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"cannot read .*none.toml"):
        read_tables(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(OptionError, match=r"neither a table \[join\] nor \[protocol\]"):
        read_tables(tmp_path / "empty.toml")
    (tmp_path / "odd.toml").write_text("[join]\nurl = '/'\n")
    with pytest.raises(OptionError, match="unknown field `url`"):
        read_tables(tmp_path / "odd.toml")


def test_answers_are_given_to_marks_only() -> None:
    kind = from_table({"message": "{text}", "answer": [{"to": "ping", "send": "pong"}]})
    assert isinstance(kind, Templates)
    assert (kind.answer(b'{"ping":1}'), kind.answer(b"said")) == (b"pong", None)
    assert kind.has_pings
