"""Stage the pages of the documentation site in `build/docs`, for the generator to build.

The pages of `docs/` link to files of the repository, so that they can be read on a forge. Here those links are pointed
at the site's own pages, and the generated pages are added. The site's generator needs no plugin or hook for it.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path

from docs.site.command_reference import command_reference

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
STAGED = ROOT / "build" / "docs"

FROM_REPOSITORY = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "results/reference/report.md": "reference-campaign.md",
}
"""Files outside `docs/` that are pages of the site, and where."""

ASSETS = tuple(str(folder.relative_to(ROOT)) for folder in sorted((ROOT / "results").glob("*/charts")))
"""Folders that pages show pictures from."""

LINK = re.compile(
    r"(?P<label>!?\[(?:[^\[\]]|\[[^\]]*\](?:\([^)]*\))?)*\])"
    r"\((?P<target>(?![a-z]+:|#)[^)#\s]+)(?P<anchor>#[^)\s]*)?\)"
)


def stage() -> None:
    """Write all pages and pictures of the site, and nothing else, into `build/docs`."""
    shutil.rmtree(STAGED, ignore_errors=True)
    for folder in ASSETS:
        shutil.copytree(ROOT / folder, STAGED / _site_path(folder))
    for source in [*FROM_REPOSITORY, *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]:
        _write(_site_path(source), with_site_links((ROOT / source).read_text(), source))
    _write("commands.md", command_reference())
    _write("strategy-api.md", (HERE / "strategy_api.md").read_text())
    shutil.copy(HERE / "extra.css", STAGED)


def with_site_links(markdown: str, source: str) -> str:
    """Return a page of the repository with its links pointed at the pages of the site.

    A link to a file of the repository that is no page becomes plain text. One to a file that does not exist is left
    as it is, so that the strict build fails.
    """

    def replaced(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["target"]))
        if _is_on_site(target):
            there = posixpath.relpath(_site_path(target), posixpath.dirname(_site_path(source)) or ".")
            return f"{link['label']}({there}{link['anchor'] or ''})"
        if (ROOT / target).exists():
            return link["label"][1:-1]
        return link[0]

    return LINK.sub(replaced, markdown)


def _is_on_site(path: str) -> bool:
    is_page = path in FROM_REPOSITORY or (posixpath.dirname(path) == "docs" and path.endswith(".md"))
    return (is_page or path.startswith(ASSETS)) and (ROOT / path).exists()


def _site_path(path: str) -> str:
    """Return where a file of the repository is on the site."""
    return FROM_REPOSITORY.get(path, path.removeprefix("docs/").removeprefix("results/"))


def _write(page: str, markdown: str) -> None:
    path = STAGED / page
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(markdown)


if __name__ == "__main__":
    stage()
