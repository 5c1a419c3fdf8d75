"""The flags that say which servers a subcommand measures besides ours: rivals, targets, revisions, how to join them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from bench.errors import RevisionError, TargetError
from bench.execution.git import Repository
from bench.execution.stacks import stacks_here
from bench.model.plan import OUR_ENDPOINT, Arm, Endpoint, peer_arms
from bench.model.revision import Revision
from bench.model.target import Target
from bench.storage.target_file import read_target
from loadtest.client import endpoint


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


def _one_target(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Target | None:
    """Read the file that describes a server."""
    try:
        return None if value is None else read_target(value)
    except TargetError as error:
        raise click.BadParameter(str(error)) from error


one_target_option = click.option(
    "--target",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_one_target,
    metavar="FILE",
    help="Check the server that a TOML file describes; `target init` writes one.",
)


def _targets(_context: click.Context, _parameter: click.Parameter, values: tuple[Path, ...]) -> list[Target]:
    """Read the files that describe servers, each with a name of its own."""
    try:
        targets = [read_target(path) for path in values]
    except TargetError as error:
        raise click.BadParameter(str(error)) from error
    _check_names(targets)
    return targets


def _check_names(targets: Sequence[Target]) -> None:
    names = [target.name for target in targets]
    if twice := [name for name in names if names.count(name) > 1]:
        raise click.BadParameter(f"two targets have the name {twice[0]!r}; give each one of its own (name = ...)")


_target_option = click.option(
    "--target",
    "targets",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_targets,
    metavar="FILE",
    help="Another chat server that a TOML file describes; `target init` writes one.",
)


_stacks_option = click.option(
    "--stacks", is_flag=True, help="The servers of bench/peers, too; what cannot run here is left out, with a word."
)


def _rivals(command: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand `--rival` and how to join one; it is handed `peers`, their arms."""

    @functools.wraps(command)
    def with_peers(*context: Any, rivals: dict[str, str], endpoint: Endpoint, **others: Any) -> None:
        if not rivals:
            _refuse_given(ENDPOINT_FLAGS)
        command(*context, peers=peer_arms(rivals, endpoint), **others)

    return rival_option(endpoint_options("a --rival")(with_peers))


ENDPOINT_FLAGS = {
    "url_path": "--url-path",
    "headers": "--header",
    "subprotocol": "--subprotocol",
    "no_echo": "--no-echo",
}


def _refuse_given(flags: Mapping[str, str]) -> None:
    """Refuse flags, by the names of their parameters, that would be ignored without a --rival."""
    context = click.get_current_context()
    for name, flag in flags.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{flag} says how to join a --rival, and there is none; a --target's file says it in [join]"
            )


def peer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand `--rival`, how to join one, `--target` and `--stacks`; it is handed `peers`, their arms."""

    @functools.wraps(command)
    def with_targets(
        *context: Any, peers: Sequence[Arm], targets: Sequence[Target], stacks: bool, **others: Any
    ) -> None:
        if stacks:
            try:
                targets = [*targets, *stacks_here(lambda text: click.echo(text, err=True))]
            except TargetError as error:
                raise click.BadParameter(str(error), param_hint="--stacks") from error
            _check_names(targets)
        if both := sorted({peer.label for peer in peers} & {target.name for target in targets}):
            raise click.UsageError(f"{both[0]!r} is a --rival and a --target; give each a name of its own")
        described = [Arm(target.name, target.name, target=target) for target in targets]
        command(*context, peers=[*peers, *described], **others)

    return _rivals(_target_option(_stacks_option(with_targets)))


def _revisions(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[Revision]:
    """Find the commit that each revision stands for; one may be given twice."""
    if not values:
        return []
    try:
        repository = Repository()
        return [repository.resolve(value) for value in values]
    except RevisionError as error:
        raise click.BadParameter(str(error)) from error


revision_option = click.option(
    "--revision",
    "revisions",
    multiple=True,
    metavar="REV",
    callback=_revisions,
    help="A branch, tag or commit of this checkout whose server to run; repeat it to compare, as in main and HEAD.",
)
