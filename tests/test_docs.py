"""The documentation names what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.commands.main import main
from bench.model.environment import Environment
from bench.model.summary import Cell, NotMeasured, ServerUse
from loadtest.ledger.result import Generator, Latency, Second, Step, SwarmResult

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "kind", [SwarmResult, Step, Generator, Latency, Second, Cell, ServerUse, NotMeasured, Environment]
)
def test_every_field_of_every_format_is_described(kind: type) -> None:
    text = (ROOT / "docs" / "formats.md").read_text()
    named = set(re.findall(r"[\w.]+", text))
    assert set(kind.__struct_encode_fields__) <= named  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_verb_that_the_documentation_names_exists() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for verb in re.findall(r"python -m bench ([a-z-]+)", page.read_text()):
            assert verb in main.commands
