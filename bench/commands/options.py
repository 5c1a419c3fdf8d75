"""What the flags of several subcommands have in common: finite numbers, and callbacks that read lists."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from bench.errors import RevisionError, TargetError
from bench.execution.git import Repository
from bench.model.plan import OUR_ENDPOINT, Arm, Endpoint, peer_arms
from bench.model.revision import Revision
from bench.model.target import Target
from bench.storage.target_file import read_target
from loadtest.client import endpoint
from loadtest.schedule import stamp


class FiniteRange(click.FloatRange):
    """A range of finite numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number, or fail with what is allowed."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} must be finite", param, ctx)
        return number


ABOVE_0 = FiniteRange(0, min_open=True)
FROM_0 = FiniteRange(0)


def _checked(check: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return a callback that takes a text, or several, as the swarm does; `check` raises ValueError for a wrong one."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: str | tuple[str, ...]) -> Any:
        try:
            for text in [value] if isinstance(value, str) else value:
                check(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        return value

    return callback


def peers(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read `NAME=COMMAND`, where the command has a `{port}`."""
    commands = {}
    for value in values:
        name, _, command = value.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or "{port}" not in command or name in commands:
            raise click.BadParameter(
                f"invalid peer {value!r}; give a name of its own and a command with {{port}}, such as "
                "'mine=python app.py {port}'"
            )
        commands[name] = command
    return commands


rival_option = click.option(
    "--rival",
    "rivals",
    multiple=True,
    metavar="NAME=COMMAND",
    callback=peers,
    help="Another chat server, as in 'mine=python app.py {port}', on 127.0.0.1.",
)


def endpoint_options(whose: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a subcommand the flags that say how to join another server; it is handed an `endpoint`."""
    options = (
        click.option(
            "--url-path",
            default=OUR_ENDPOINT.url_path,
            callback=_checked(endpoint.url_path),
            help=f"Where a user joins {whose}; {{user}} is its name.",
        ),
        click.option(
            "--header",
            "headers",
            multiple=True,
            metavar="NAME: VALUE",
            callback=_checked(endpoint.header),
            help=f"A header of the request to join {whose}.",
        ),
        click.option(
            "--subprotocol",
            default="",
            callback=_checked(endpoint.subprotocol),
            metavar="NAME",
            help=f"The sub-protocol to ask {whose} for.",
        ),
        click.option("--no-echo", is_flag=True, help=f"A message does not come back to its sender from {whose}."),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_endpoint(
            *context: Any, url_path: str, headers: tuple[str, ...], subprotocol: str, no_echo: bool, **others: Any
        ) -> None:
            try:
                endpoint.check_places(url_path, headers)
            except ValueError as error:
                raise click.BadParameter(str(error), param_hint="--url-path") from error
            command(*context, endpoint=Endpoint(url_path, headers, subprotocol, not no_echo), **others)

        decorated: Callable[..., None] = with_endpoint
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _targets(_context: click.Context, _parameter: click.Parameter, values: tuple[Path, ...]) -> list[Target]:
    """Read the files that describe servers, each with a name of its own."""
    try:
        targets = [read_target(path) for path in values]
    except TargetError as error:
        raise click.BadParameter(str(error)) from error
    names = [target.name for target in targets]
    if twice := [name for name in names if names.count(name) > 1]:
        raise click.BadParameter(f"two targets have the name {twice[0]!r}; give each one of its own (name = ...)")
    return targets


_target_option = click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_targets,
    metavar="FILE",
    help="Another chat server that a TOML file describes; `target init` writes one.",
)


def rivals_only(command: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand `--rival` and how to join one; it is handed `peers`, their arms."""

    @functools.wraps(command)
    def with_peers(*context: Any, rivals: dict[str, str], endpoint: Endpoint, **others: Any) -> None:
        command(*context, peers=peer_arms(rivals, endpoint), **others)

    return rival_option(endpoint_options("a --rival")(with_peers))


def peer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand the same and `--target`; `peers` has the arms of all of them."""

    @functools.wraps(command)
    def with_targets(*context: Any, peers: Sequence[Arm], targets: Sequence[Target], **others: Any) -> None:
        if both := sorted({peer.label for peer in peers} & {target.name for target in targets}):
            raise click.UsageError(f"{both[0]!r} is a --rival and a --target; give each a name of its own")
        described = [Arm(target.name, target.name, target=target) for target in targets]
        command(*context, peers=[*peers, *described], **others)

    return rivals_only(_target_option(with_targets))


def revisions(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[Revision]:
    """Find the commit that each revision stands for; one may be given twice."""
    if not values:
        return []
    try:
        repository = Repository()
        return [repository.resolve(value) for value in values]
    except RevisionError as error:
        raise click.BadParameter(str(error)) from error


def user_counts(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Read `50,100`: each count more than the one before."""
    words = [word.strip() for word in value.split(",")]
    for word in words:
        if not re.fullmatch(r"[1-9][0-9]*", word):
            raise click.BadParameter(f"invalid user count {word!r}; give whole numbers from 1, such as 50,100,200")
    counts = tuple(map(int, words))
    if any(later <= earlier for earlier, later in pairwise(counts)):
        raise click.BadParameter(f"user counts must increase, not {value!r}; write as in 50,100,200")
    return counts


def rates(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Read `10,40.5`, in any order."""
    try:
        found = tuple(float(word) for word in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"invalid list of rates {value!r}; write as in 10,40,100") from error
    if not all(0 < rate < math.inf for rate in found):
        raise click.BadParameter(f"rates must be finite and above 0, not {value!r}; write as in 10,40,100")
    return found


_WORKLOAD_OPTIONS = (
    click.option("--message-size", default=64, type=click.IntRange(stamp.LENGTH), help="Bytes of text per message."),
    click.option(
        "--arrival",
        default="poisson",
        type=click.Choice(["constant", "poisson"]),
        help="When messages are due: at random, or evenly spaced, so that they never wait for each other.",
    ),
    click.option("--warmup", "warmup_s", default=2.0, type=FROM_0, help="Seconds of load before each window."),
    click.option(
        "--drain", "drain_s", default=5.0, type=ABOVE_0, help="Seconds at most to wait for the last deliveries."
    ),
    click.option("--join-rate", default=500.0, type=ABOVE_0, help="Users that join per second."),
    click.option(
        "--notice-limit",
        default=200,
        type=click.IntRange(0),
        help="Members above which joins and leaves are not announced.",
    ),
    click.option("--swarm-workers", default=1, type=click.IntRange(1), help="Processes of the swarm."),
)


def workload_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand the flags of a `Workload`, except the user counts, the rate and the duration."""
    for option in reversed(_WORKLOAD_OPTIONS):
        command = option(command)
    return command


scenario_folder = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with scenarios of your own, beside the built-in ones.",
)

new_folder = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder for the result as JSON.  [default: nothing is kept]",
)

checkout = click.option(
    "--root",
    default=".",
    show_default="this folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    help="A checkout of this project.",
)
