"""The bench's command line."""

from __future__ import annotations

import copy

import click

from bench.commands.capacity import capacity
from bench.commands.claims import claims
from bench.commands.compare import compare
from bench.commands.connections import connections
from bench.commands.cross_check import cross_check
from bench.commands.doctor import doctor
from bench.commands.figures import figures
from bench.commands.gate import gate
from bench.commands.measure import measure
from bench.commands.plot import plot
from bench.commands.report import report
from bench.commands.run import run
from bench.commands.scenarios import scenarios
from bench.commands.selftest import selftest
from bench.commands.target import target


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Compare how chatroom servers spread messages while the room grows."""


def _hidden(command: click.Command) -> click.Command:
    """Return a command that works and is not listed: an old name of one that was renamed."""
    alias = copy.copy(command)
    alias.hidden = True
    return alias


for _subcommand in (
    *(compare, capacity, scenarios, run, report, plot),
    *(gate, doctor, connections, cross_check, selftest),
    *(target, measure, claims, figures),
):
    main.add_command(_subcommand)
main.add_command(_hidden(cross_check), "second-opinion")
