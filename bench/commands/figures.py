"""The subcommand `figures`: writes the figures in README and docs from the stored results, or checks them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.claims.manifest import read_manifest
from bench.commands.exit_codes import FAILED
from bench.commands.options import checkout
from bench.errors import FiguresError, ManifestError
from bench.presentation.figures.pages import Block, read_blocks, write_blocks


@click.command
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a page differs from the stored results.")
@checkout
def figures(check: bool, root: Path) -> None:
    """Write the figures in README.md and docs/*.md from the results stored in results/.

    They stand between `<!-- figures: NAME -->` and `<!-- end of figures: NAME -->`. Where the results of a campaign are
    not stored yet, the page keeps what it has. Exit codes: 0 done, 1 a page differs (--check) or a stored result has no
    valid figure, 2 wrong use or wrong markers.
    """
    try:
        found = read_blocks(root, read_manifest(root))
    except (FiguresError, ManifestError) as error:
        raise click.UsageError(str(error)) from error
    different = [block for block in found if block.differs]
    for block in different:
        click.echo(f"{'differs' if check else 'written'}: {_shown(block, root)}")
    for block in found:
        if block.no_figure:
            click.echo(f"no figure: {_shown(block, root)}: {block.no_figure}")
        elif block.text is None:
            click.echo(f"not stored yet: {_shown(block, root)} (python -m bench measure {block.not_stored})")
    same = sum(block.text == block.written for block in found)
    click.echo(f"{same} of {len(found)} figures were as the stored results say.")
    if not check:
        try:
            write_blocks(found)
        except OSError as error:
            raise click.UsageError(f"cannot write the figures: {error}") from error
    elif different:
        click.echo("`python -m bench figures` writes them.")
    if (check and different) or any(block.no_figure for block in found):
        sys.exit(FAILED)


def _shown(block: Block, root: Path) -> str:
    return f"{block.page.relative_to(root)}: {block.name}"
