"""The command-line reference, generated from the commands themselves."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

import click

from bench.commands.main import main as bench
from loadtest.options import add_arguments
from server.__main__ import main as server

Rows = list[tuple[str, str]]
"""Flag with its value, and its help text with the default."""

INTRODUCTION = """\
# Commands

Generated from the commands themselves: this is what `--help` prints for this version.
"""


def command_reference() -> str:
    """Return the reference as Markdown: the bench's subcommands, the server and the swarm's own flags."""
    return "\n".join([INTRODUCTION, *_bench(), *_server(), *_swarm()])


def _bench() -> Iterator[str]:
    yield f"## Bench\n\n{_paragraphs(bench.help or '')}\n"
    with click.Context(bench, info_name="python -m bench", **bench.context_settings) as group:
        for name in bench.list_commands(group):
            command = bench.get_command(group, name)
            assert command is not None
            yield from _command(command, name, group)
            if isinstance(command, click.Group):
                with click.Context(command, info_name=name, parent=group) as inner:
                    for each in command.list_commands(inner):
                        yield from _command(command.commands[each], each, inner)


def _server() -> Iterator[str]:
    yield "## Server\n"
    yield from _command(server, "python -m server", None)


def _swarm() -> Iterator[str]:
    yield "## Swarm\n\nThese flags come on top of Locust's own (`-u`, `-r`, `-t`, `--host`, `--processes`, ...).\n"
    yield "### `locust -f loadtest/locustfile.py`\n"
    flags = _Flags()
    add_arguments(flags)
    yield _table(flags.rows)


def _command(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield f"### `{context.command_path}`\n"
    yield f"```text\n{command.get_usage(context)}\n```\n"
    yield f"{_paragraphs(command.help or '')}\n"
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    yield _table([record for record in records if record])


class _Flags(argparse.ArgumentParser):
    """Collects what is added to it as rows; takes Locust's own keywords too."""

    def __init__(self) -> None:
        self.rows: Rows = []
        super().__init__(add_help=False)

    def add_argument(self, *flags: Any, include_in_web_ui: bool = True, **keywords: Any) -> argparse.Action:  # noqa: ARG002
        """Add a flag, and its row unless it is hidden."""
        action = super().add_argument(*flags, **keywords)
        if action.help and action.help != argparse.SUPPRESS:
            value = action.metavar or action.dest.upper() if action.nargs != 0 else ""
            self.rows.append((f"{', '.join(action.option_strings)} {value}".strip(), action.help % vars(action)))
        return action


def _paragraphs(text: str) -> str:
    """Return click's help text without its indents and without the mark of a paragraph that is not wrapped again."""
    return _escaped("\n".join(line.strip() for line in text.replace("\b", "").splitlines()).strip())


def _table(rows: Rows) -> str:
    lines = [f"| <code>{_escaped(flag)}</code> | {_escaped(' '.join(text.split()))} |" for flag, text in rows]
    return "\n".join(["| flag | meaning |", "|---|---|", *lines, ""])


def _escaped(text: str) -> str:
    """Return a text in which nothing is Markdown, HTML or the end of a table's cell."""
    return re.sub(r"[&<>\[\]*_{}|]", lambda character: f"&#{ord(character[0])};", text)
