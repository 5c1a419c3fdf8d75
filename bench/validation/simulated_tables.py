"""The tables of the simulation, as they are printed and stored: the contents of `simulation.json`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.storage.files import make_folder, read_struct, write_struct

FORMAT = 1
FILE = "simulation.json"


class SimulatedTable(msgspec.Struct, frozen=True):
    """One table; the cells of its first column are names, the others are shares."""

    name: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class SimulationResult(msgspec.Struct, frozen=True):
    """All tables of one simulation, which depend on the code and the seed alone."""

    format: int
    seed: int
    tables: tuple[SimulatedTable, ...]


def write_simulation(result: SimulationResult, directory: Path) -> None:
    """Write `simulation.json` into a new folder.

    Raises:
        FolderNotEmptyError: the folder holds something already.

    """
    make_folder(directory)
    write_struct(directory / FILE, result)


def read_simulation(directory: Path) -> SimulationResult:
    """Read `simulation.json`.

    Raises:
        ResultsError: the file is missing, damaged or of another format.

    """
    remedy = "give a folder that `python -m bench.validation.simulation --out` wrote"
    return read_struct(directory / FILE, SimulationResult, "simulation", remedy)


def store_and_print(result: SimulationResult, out: Path | None) -> None:
    """Write a simulation into a new folder, if one is given, and print its tables.

    Raises:
        click.BadParameter: the folder holds something already, or cannot be written.

    """
    if out:
        try:
            write_simulation(result, out)
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--out") from error
    for each in result.tables:
        shown = Table(*each.headings, title=each.caption)
        for row in each.rows:
            shown.add_row(*row)
        Console(width=100).print(shown, "")
