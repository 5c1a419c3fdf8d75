"""A campaign in which a gate has to pass unchanged code and to fail slower code.

`python -m bench.validation.gate_demonstration` measures HEAD twice and a revision that is slower by a known share (see
`slower_revision`), side by side. `gate` then judges the results: `--variant HEAD#2 --against HEAD#1` has to pass,
`--variant ID --against HEAD#1` has to fail.
"""

from __future__ import annotations

import os
import sys

import click

from bench.errors import RevisionError
from bench.execution.git import Repository
from bench.validation.slower_revision import slower_revision

UNCHANGED = "HEAD"


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--percent", default=10.0, type=click.FloatRange(0), help="By how much the slower revision is slower.")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def main(percent: float, flags: tuple[str, ...]) -> None:
    """Run `bench compare` with FLAGS and the three revisions. Exit codes are those of `compare`."""
    try:
        slower = slower_revision(Repository(), UNCHANGED, percent)
    except RevisionError as error:
        raise click.UsageError(str(error)) from error
    revisions = [word for revision in (UNCHANGED, UNCHANGED, slower) for word in ("--revision", revision)]
    os.execv(sys.executable, [sys.executable, "-m", "bench", "compare", "--strategies", "direct", *revisions, *flags])  # noqa: S606 - the same interpreter


if __name__ == "__main__":
    main(prog_name="python -m bench.validation.gate_demonstration")
