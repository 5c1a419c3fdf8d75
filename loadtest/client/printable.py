"""What a server says, as it may be shown: a foreign text must not reach a terminal as it is."""

from __future__ import annotations

MAX_CHARACTERS = 200
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Return a text in one line, without what a terminal may act upon, and cut where it is long."""
    line = "".join(letter if letter.isprintable() else REPLACEMENT for letter in " ".join(text.split()))
    return line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]}..."
