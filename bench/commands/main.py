"""The bench's command line: each subcommand is loaded when it is asked for, as their libraries take a second or two."""

from __future__ import annotations

import copy
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType

import click

SUBCOMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "compare": "Compare strategies while the user count grows.",
        "capacity": "Find the maximum load of each strategy within the SLO.",
        "scenarios": "List the scenarios that `run` knows: what each shows, and what to look at.",
        "run": "Run SCENARIO, a name that `scenarios` lists or the path of a TOML file, with each strategy.",
        "report": "Write report.html and report.md from what `compare`, `capacity` or `run` left in DIRECTORY.",
        "plot": "Draw the charts again from the results in DIRECTORY.",
        "gate": "Decide whether the campaign in DIR may pass, and print why as Markdown.",
        "doctor": "Find what would make figures invalid or noisy on this machine, and how to fix it.",
        "connections": "Measure what idle connections cost a server.",
        "cross-check": "Compare what the swarm reports with what independent members of the same room see.",
        "selftest": "Check the measurement itself: inject known faults and compare.",
        "target": "Describe a chat server of your own in a file, and check that it can be measured.",
        "measure": "Measure campaigns of results/campaigns.toml, and store each in results/NAME with its report.",
        "claims": "Measure claims of results/claims.toml again, and compare with the stored results.",
        "figures": "Write the figures in README.md and docs/*.md from the results stored in results/.",
    }
)
"""What the list of subcommands says of each: the first sentence of its help."""
OLD_NAMES: Mapping[str, str] = MappingProxyType({"second-opinion": "cross-check"})
"""Names of subcommands that were renamed; they work and are not listed."""


class Subcommands(click.Group):
    """A group whose commands are in modules of their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the subcommands."""
        return sorted(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a subcommand; `None` if there is none of this name."""
        name = OLD_NAMES.get(cmd_name, cmd_name)
        if name not in SUBCOMMANDS:
            return None
        attribute = name.replace("-", "_")
        with _ended_by_ctrl_c():
            command: click.Command = getattr(import_module(f"bench.commands.{attribute}"), attribute)
        if name == cmd_name:
            return command
        alias = copy.copy(command)
        alias.hidden = True
        return alias

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without loading anything."""
        limit = formatter.width - 6 - max(map(len, SUBCOMMANDS))
        rows = [(name, _shortened(SUBCOMMANDS[name], limit)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=Subcommands, context_settings={"show_default": True})
def main() -> None:
    """Compare how chatroom servers spread messages while the room grows."""


def _shortened(text: str, limit: int) -> str:
    return click.Command(None, help=text).get_short_help_str(limit)


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process without a word while libraries are loaded.

    As a KeyboardInterrupt it would be swallowed or turned into other errors by what is being imported.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
