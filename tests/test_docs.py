"""The documentation names what is there, and what is there is documented."""

from __future__ import annotations

import html
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bench.commands.main import SUBCOMMANDS
from bench.model.environment import Environment
from bench.model.summary import Cell, NotMeasured, ServerUse
from docs.site.__main__ import with_site_links
from docs.site.command_reference import command_reference
from docs.site.offline import fetches
from loadtest.ledger.result import Generator, Latency, Second, Step, SwarmResult
from loadtest.options import add_arguments
from server.__main__ import main as server
from tests.bench.command import subcommand_named

ROOT = Path(__file__).parent.parent
ROOT_PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES = [*ROOT_PAGES, *sorted((ROOT / "docs").glob("*.md"))]
MAX_PROSE_WIDTH = 100

COMMAND = re.compile(r"python -m (?:\\\n|[^`\n])+")
"""A command and its flags, in a code span or over the lines of a code block."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.mark.parametrize(
    "kind", [SwarmResult, Step, Generator, Latency, Second, Cell, ServerUse, NotMeasured, Environment]
)
def test_every_field_of_every_format_is_described(kind: type) -> None:
    text = (ROOT / "docs" / "formats.md").read_text()
    named = set(re.findall(r"[\w.]+", text))
    assert set(kind.__struct_encode_fields__) <= named  # type: ignore[attr-defined]


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Return the names that a forge gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_subcommand_that_the_documentation_names_exists() -> None:
    for page in PAGES:
        for subcommand in re.findall(r"python -m bench ([a-z][a-z-]*)", page.read_text()):
            assert subcommand in SUBCOMMANDS


@each_page
def test_every_module_that_a_command_runs_exists(page: Path) -> None:
    for module in re.findall(r"python -m ((?:bench|server|loadtest|docs)[\w.]*)", page.read_text()):
        assert importlib.util.find_spec(module.rstrip(".")), module


@each_page
def test_every_flag_in_a_command_exists(page: Path) -> None:
    for command in COMMAND.findall(page.read_text()):
        text = command.replace("\\\n", " ")
        if subcommand := re.match(r"python -m bench ([a-z][a-z-]*) ", text):
            known = flags(subcommand_named(subcommand[1]))
        elif text.startswith("python -m server "):
            known = flags(server)
        else:
            continue
        own = re.sub(r"'[^']*'", "''", text.partition("#")[0])  # without the commands of other servers
        for flag in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", own):
            assert flag in known or flag == "--help", f"{flag} in {command}"


@each_page
def test_prose_is_wrapped(page: Path) -> None:
    code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        code ^= line.startswith("```")
        if not code and not line.startswith(("|", "![")):
            assert len(line) <= MAX_PROSE_WIDTH, f"line {number}"


def test_readme_is_short_and_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    assert re.search(r"^make compare .*\nmake test\b", text, re.MULTILINE)


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_reference_has_every_visible_flag_of_a_subcommand(subcommand: str) -> None:
    section = reference_of(f"python -m bench {subcommand}")
    command = subcommand_named(subcommand)
    assert flags(command) <= words(section)
    hidden = {flag for option in options(command) if option.hidden for flag in option.opts}
    assert not hidden & words(section)


def test_reference_has_no_hidden_subcommand() -> None:
    named = set(re.findall(r"^### `python -m bench ([a-z-]+)`$", command_reference(), re.MULTILINE))
    assert named == set(SUBCOMMANDS)


def test_reference_has_every_flag_of_server_and_swarm() -> None:
    assert flags(server) <= words(reference_of("python -m server"))
    swarm = words(reference_of("locust -f loadtest/locustfile.py"))
    added = _Recorder()
    add_arguments(added)  # type: ignore[arg-type]
    assert added.flags
    assert added.flags <= swarm


@pytest.mark.parametrize("flags", [(), ("--help",)])
def test_the_swarms_flags_can_be_listed(flags: tuple[str, ...]) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "loadtest", *flags], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    added = _Recorder()
    add_arguments(added)  # type: ignore[arg-type]
    assert added.flags <= words(listed.stdout)
    assert listed.stdout.startswith("usage: locust -f loadtest/locustfile.py")


class _Recorder:
    """Takes the flags that are added to a parser."""

    def __init__(self) -> None:
        self.flags: set[str] = set()

    def add_argument(self, *names: str, **_keywords: object) -> None:
        self.flags.update(names)


def test_site_links_point_at_pages_and_unknown_files_stay_dead() -> None:
    text = "[a](server.md#flags) [b](../bench/__main__.py) [c](../results/reference/report.md) [d](nowhere.md)"
    assert with_site_links(text, "docs/design.md") == (
        "[a](server.md#flags) b [c](reference-campaign.md) [d](nowhere.md)"
    )
    assert with_site_links("[a](docs/server.md#flags)", "README.md") == "[a](server.md#flags)"


def test_a_page_that_fetches_from_elsewhere_is_found() -> None:
    page = '<link rel="stylesheet" href="https://a/b.css"><script src="//c/d.js"></script><img src="e.png">'
    assert fetches(page) == ["https://a/b.css", "//c/d.js"]
    assert fetches('<a href="https://a">a</a><link rel="canonical" href="https://a">') == []


def options(command: click.Command) -> Iterator[click.Option]:
    return (parameter for parameter in command.params if isinstance(parameter, click.Option))


def flags(command: click.Command) -> set[str]:
    """Return the visible flags of a command."""
    shown = (option for option in options(command) if not option.hidden)
    return {flag for option in shown for flag in (*option.opts, *option.secondary_opts)}


def reference_of(command: str) -> str:
    return html.unescape(command_reference().partition(f"### `{command}`\n")[2].partition("\n##")[0])


def words(text: str) -> set[str]:
    return set(re.findall(r"--?[a-z][\w-]*", text))
