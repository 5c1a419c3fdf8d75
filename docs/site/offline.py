"""Fail if a page of the built site fetches anything from elsewhere."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

SITE = Path(__file__).parents[2] / "site"
FETCHING = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
"""Elements that make a browser fetch something, and the attribute that says what."""


class _Fetches(HTMLParser):
    """Collects the addresses that a page fetches from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(FETCHING.get(tag, "")) or ""
        if address.startswith(("http:", "https:", "//")) and dict(attrs).get("rel") != "canonical":
            self.found.append(address)


def fetches(page: str) -> list[str]:
    """Return the addresses that a page of HTML fetches from elsewhere."""
    parser = _Fetches()
    parser.feed(page)
    return parser.found


if __name__ == "__main__":
    foreign = [f"{path.name}: {address}" for path in SITE.rglob("*.html") for address in fetches(path.read_text())]
    if foreign:
        sys.exit("the site must work offline, but it fetches\n" + "\n".join(foreign))
