"""The markers around generated figures in a page: `<!-- figures: NAME -->` and `<!-- end of figures: NAME -->`."""

from __future__ import annotations

import re
from collections.abc import Callable

from bench.errors import FiguresError

_MARKER = re.compile(r"^<!-- (?P<end>end of )?figures: (?P<name>[^\n]*?) -->$", re.MULTILINE)


def blocks(page: str, where: str) -> dict[str, str]:
    """Return what stands between each pair of markers, by name.

    Raises:
        FiguresError: a marker has no other one, or a name is there twice; `where` names the page.

    """
    found: dict[str, str] = {}
    begun: re.Match[str] | None = None
    for marker in _MARKER.finditer(page):
        name = marker["name"]
        if begun is None:
            if marker["end"]:
                raise FiguresError(f"{where}: figures {name!r} end and do not begin; write <!-- figures: {name} -->")
            if name in found:
                raise FiguresError(f"{where}: figures {name!r} are there twice; keep one")
            begun = marker
        elif not marker["end"] or name != begun["name"]:
            raise _without_end(begun["name"], where)
        else:
            found[name] = page[begun.end() + 1 : marker.start()].removesuffix("\n")
            begun = None
    if begun:
        raise _without_end(begun["name"], where)
    return found


def _without_end(name: str, where: str) -> FiguresError:
    return FiguresError(f"{where}: figures {name!r} have no end; write <!-- end of figures: {name} --> below them")


def with_blocks(page: str, text_of: Callable[[str], str | None]) -> str:
    """Return a page with new text between its markers; `None` keeps what is there. The markers have to be in pairs."""

    def replaced(block: re.Match[str]) -> str:
        text = text_of(block["name"])
        return block[0] if text is None else f"{block['begin']}\n{text}\n{block['end']}"

    return _BLOCK.sub(replaced, page)


_BLOCK = re.compile(
    r"^(?P<begin><!-- figures: (?P<name>[^\n]*?) -->)\n(?:.*?\n)??(?P<end><!-- end of figures: (?P=name) -->)$",
    re.MULTILINE | re.DOTALL,
)
