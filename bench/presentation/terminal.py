"""Tables and answers in a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bench.presentation.table import Answer, Table, Tone

STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.BAD: "bold red", Tone.DOUBTFUL: "yellow"}


def answer_in_terminal(answer: Answer) -> RenderableType:
    """Return the sentences, the table and the remarks, in this order."""
    return Group(
        *(Text(sentence, style="bold") for sentence in answer.sentences),
        table_in_terminal(answer.table),
        *map(Text, answer.remarks),
    )


def table_in_terminal(table: Table) -> RichTable:
    """Return a table with its caption as the title."""
    shown = RichTable(
        title=Text(table.caption, style="table.title") if table.caption else None,
        title_justify="left",
        show_header=table.has_headings,
    )
    for column in table.columns:
        shown.add_column(
            Text(column.heading),
            justify="right" if column.is_number else "left",
            no_wrap=not column.wraps,
            overflow="fold",
        )
    for row in table.rows:
        if row.starts_section:
            shown.add_section()
        shown.add_row(
            *(
                Text(cell, style=STYLES[row.tone] if column.shows_tone else "")
                for cell, column in zip(row.cells, table.columns, strict=True)
            )
        )
    return shown
