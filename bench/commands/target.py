"""The subcommands `target init` and `target check`: a server of one's own, described in a file."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.commands.session import exit_with, running
from bench.errors import TargetError, TrialError
from bench.execution.arm_server import server_of
from bench.execution.child_process import Child
from bench.execution.interruption import Interruption
from bench.execution.swarm_process import target_url
from bench.model.plan import Arm
from bench.model.target import Target
from bench.storage.target_file import PORT, check_name, located, read_target
from loadtest.client import endpoint

NO_NOTICES = 0
CHECK_LIMIT_S = 60.0
POLL_S = 0.1
STEP = "ok: "
TEMPLATE = """\
# How to measure this server: docs/own-server.md. `python -m bench target check {file}` tries it.
name = {name}
{where}
[join]
url_path = {url_path}  # {{user}} is a user's name

[protocol]
{protocol}
"""
PROTOCOLS = ("plain", "json", "socketio", "actioncable", "stomp")
JSON = """\
message = '{"type": "message", "text": "{text}"}'  # what a user sends to say a text

[[protocol.join]]  # what makes a connection a member of the room; leave it out if nothing does
send = '{"type": "join", "user": "{user}"}'
await = '"joined"'  # the server's answer contains this"""


class _Checked(click.ParamType[str]):
    """A text that is asked for again until it passes; `check` raises ValueError with what is allowed."""

    name = "text"

    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it was given."""
        try:
            self._check(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


def _check_command(command: str) -> None:
    if command and PORT not in command:
        raise ValueError(f"the command {command!r} does not say where its port goes; write {PORT} there")


@click.group()
def target() -> None:
    """Describe a chat server of your own in a file, and check that it can be measured."""


@target.command()
@click.argument("file", default="target.toml", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", prompt="Its name in tables and charts", default="mine", type=_Checked(check_name))
@click.option(
    "--command",
    prompt="The command that starts it, with {port} (empty: it runs already)",
    default="",
    type=_Checked(_check_command),
)
@click.option("--address", help="Its address, if it runs already.  [default: ws://127.0.0.1:8000]")
@click.option(
    "--url-path",
    prompt="Where a user joins, {user} being its name",
    default="/ws/{user}",
    type=_Checked(endpoint.url_path),
)
@click.option("--protocol", prompt="What it speaks", default="plain", type=click.Choice(PROTOCOLS))
def init(file: Path, name: str, command: str, address: str | None, url_path: str, protocol: str) -> None:
    """Ask what there is to know of a server, and write it to FILE (target.toml if none is given)."""
    if not command and not address:
        address = click.prompt("Its address", default="ws://127.0.0.1:8000")
    where = f"\n[start]\ncommand = {_text(command)}\n" if command else f"\n[running]\naddress = {_text(address)}\n"
    text = TEMPLATE.format(
        file=file,
        name=_text(name),
        where=where,
        url_path=_text(url_path),
        protocol=JSON if protocol == "json" else f'name = "{protocol}"',
    )
    try:
        with file.open("x") as new:
            new.write(text)
        read_target(file)
    except FileExistsError as error:
        raise click.UsageError(f"{file} is there already; name another file") from error
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from error
    except TargetError as error:
        file.unlink()
        raise click.UsageError(str(error)) from error
    click.echo(f"{file} is written; `python -m bench target check {file}` tries it")


def _text(value: str | None) -> str:
    """Write a text as TOML does: in double quotes a text of JSON is one of TOML, too."""
    return json.dumps(value, ensure_ascii=False)


@target.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Start the server that FILE describes, and let two users join and hear each other.

    Exit codes: 0 it can be measured, 2 the file is wrong, 3 something failed, which is said.
    """
    try:
        described = read_target(file)
    except TargetError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"ok: {file} describes {described.name!r}")
    with running() as session, tempfile.TemporaryDirectory() as directory:
        try:
            server = server_of(
                Arm(described.name, described.name, target=described),
                NO_NOTICES,
                Path(directory) / "server",
                tell=session.print,
            )
            with server:
                host, port = server.await_ready(session.interruption)
                click.echo(f"ok: it accepts connections at {host}:{port}")
                address = target_url(described, (host, port))
                _exchange(described, address, Path(directory), session.interruption)
        except TrialError as error:
            session.print_failure(described.name, error)
            exit_with(is_valid=False)
    click.echo(f"measure it with `python -m bench compare --target {file}`")


def _exchange(described: Target, address: str, directory: Path, interruption: Interruption) -> None:
    """Let the swarm's own client try it, and print the steps that worked.

    Raises:
        TrialError: it failed; the message is the swarm's, with what was sent and what came back.

    """
    command = [sys.executable, "-m", "loadtest.check", "--host", address, "--protocol", str(located(described.file))]
    with Child(command, directory / "check") as child:
        waited_s = 0.0
        while (code := child.exit_code()) is None and waited_s < CHECK_LIMIT_S:
            interruption.sleep(POLL_S)
            waited_s += POLL_S
        said = child.output().splitlines()
    for line in said:
        if line.startswith(STEP):
            click.echo(line)
    if code is None:
        raise TrialError(f"the check did not end within {CHECK_LIMIT_S:g} s", tuple(said))
    if code != 0:
        raise TrialError(said[-1] if said else f"the check ended with {code} and said nothing")
