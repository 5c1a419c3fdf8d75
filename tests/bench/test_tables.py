"""One table, rendered for the terminal, as Markdown and as HTML."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from bench.presentation.markdown import escaped, table_in_markdown
from bench.presentation.report.page import Page, Section
from bench.presentation.report.render import to_html
from bench.presentation.table import Answer, Column, Row, Table, Tone, numbers
from bench.presentation.terminal import answer_in_terminal, table_in_terminal
from bench.presentation.text import counted, listed_numbers, milliseconds

TABLE = Table(
    "A [caption]",
    (Column("strategy"), *numbers("users"), Column("[verdict]", shows_tone=True)),
    (
        Row(("direct", "50", "yes"), Tone.GOOD, starts_section=True),
        Row(("queue", "1,000", "a | <b> & `c < d`\nsecond line"), Tone.BAD, starts_section=True),
    ),
)


def printed(*shown: object, colours: bool = False) -> str:
    output = io.StringIO()
    console = Console(file=output, width=100, force_terminal=colours, color_system="standard" if colours else None)
    console.print(*shown)
    return output.getvalue()


def html_of(table: Table) -> str:
    return to_html(Page("title", "subtitle", [], [], [Section("Evidence", tables=[table])]))


def test_the_terminal_shows_texts_as_they_are_and_sections_apart() -> None:
    lines = printed(table_in_terminal(TABLE)).splitlines()
    assert lines[0].startswith("A [caption]")
    rows = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in lines if line[0] in "│┃"]
    assert rows == [
        ["strategy", "users", "[verdict]"],
        ["direct", "50", "yes"],
        ["queue", "1,000", "a | <b> & `c < d`"],
        ["", "", "second line"],
    ]
    assert [line[0] for line in lines[1:]] == ["┏", "┃", "┡", "│", "├", "│", "│", "└"]
    assert "│    50 │" in lines[4], "numbers are at the right"


def test_only_the_column_that_shows_the_tone_is_coloured() -> None:
    text = printed(table_in_terminal(TABLE), colours=True)
    assert "\x1b[32myes" in text
    assert "\x1b[1;31ma |" in text
    assert "\x1b[32mdirect" not in text


def test_an_answer_is_sentences_table_and_remarks_in_this_order() -> None:
    text = printed(answer_in_terminal(Answer(("First [one].",), TABLE, ("A remark [two].",))))
    places = [text.index(part) for part in ("First [one].", "A [caption]", "direct", "A remark [two].")]
    assert places == sorted(places)


def test_a_table_without_headings_has_none() -> None:
    bare = Table("", (Column(), Column()), (Row(("a", "b")),))
    assert len(printed(table_in_terminal(bare)).splitlines()) == 3
    assert "<thead>" not in html_of(bare)
    assert "<thead>" in html_of(TABLE)


def test_markdown_aligns_numbers_and_escapes_what_would_be_markup() -> None:
    assert table_in_markdown(TABLE).splitlines() == [
        "| strategy | users | [verdict] |",
        "|---|---:|---|",
        "| direct | 50 | yes |",
        r"| queue | 1,000 | a \| &lt;b&gt; &amp; `c < d`<br>second line |",
    ]
    assert table_in_markdown(Table("", (Column(), Column()), (Row(("", "b")),))).splitlines()[2] == "| | b |"
    assert escaped("`a`<b>`c&d`") == "`a`&lt;b&gt;`c&d`"


def test_html_has_the_tone_the_numbers_and_escaped_texts() -> None:
    html = html_of(TABLE)
    assert "<h3" in html
    assert "A [caption]</h3>" in html
    assert "<table>" in html
    assert '<th scope="col" class="number">users</th>' in html
    assert '<tr class="bad">' in html
    assert '<td class="tone">a | &lt;b&gt; &amp; <code>c &lt; d</code><br>second line</td>' in html


def test_a_row_with_too_few_cells_is_an_error() -> None:
    with pytest.raises(AssertionError, match="a cell for each column"):
        Table("", (Column("a"), Column("b")), (Row(("only one",)),))


def test_numbers_are_written_alike_everywhere() -> None:
    assert [milliseconds(value) for value in (None, 0.5, 99.994, 1234.5)] == ["never", "0.50", "99.99", "1,234"]
    assert [counted(number, "block") for number in (0, 1, 1_000)] == ["0 blocks", "1 block", "1,000 blocks"]
    assert listed_numbers((50, 100, 1_600)) == "50, 100 and 1,600"
