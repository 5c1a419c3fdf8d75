"""The steps of `docs/strategy.md`, as a reader would follow them."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from bench.commands.exit_codes import INVALID
from bench.storage.campaign_folder import CampaignFolder
from server.testing.server_process import ROOT, ServerProcess

FILE = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "strategy.md").read_text()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of the page into a folder."""
    folder = tmp_path_factory.mktemp("tutorial") / "chatroom-rotating"
    folder.mkdir()
    for name, text in FILE.findall(PAGE):
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def site(package: Path) -> Path:
    """Install the package into a folder of its own, without a network."""
    site = package.parent / "site"
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", str(site), str(package)], check=True, timeout=300
    )
    return site


@pytest.fixture(autouse=True)
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes that a test starts find what is in that folder, as if it were in their environment."""
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)


def run(command: Sequence[str], folder: Path, codes: Collection[int] = (0,)) -> str:
    """Run one of the page's commands, which must end with one of the exit codes; return what it printed."""
    words = [sys.executable, *command[1:]]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode in codes, ended.stdout + ended.stderr
    return ended.stdout


def commands(start: str) -> list[list[str]]:
    """Return the page's commands that begin with some words."""
    lines = [line for block in COMMANDS.findall(PAGE) for line in block.splitlines()]
    return [line.split() for line in lines if line.startswith(start)]


def test_page_has_the_files_and_commands_that_are_tested(package: Path) -> None:
    assert {path.name for path in package.iterdir()} >= {"chatroom_rotating.py", "pyproject.toml", "test_rotating.py"}
    known = [commands(f"python -m {module}") for module in ("pip", "server", "pytest", "bench")]
    assert [len(found) for found in known] == [1, 1, 1, 1]
    assert sum(map(len, known)) == len(commands(""))


@pytest.mark.long
def test_contract_holds(package: Path) -> None:
    (command,) = commands("python -m pytest")
    assert re.search(r"\d+ passed", run([*command, "-p", "no:cacheprovider"], package.parent))


async def test_server_starts_with_it() -> None:
    (command,) = commands("python -m server")
    with ServerProcess(*command[3:]) as server:
        assert "strategy=rotating" in server.ready_line
        assert server.stats()["strategy"] == "rotating"


@pytest.mark.long
def test_comparison_measures_it(package: Path) -> None:
    (command,) = commands("python -m bench compare")
    out = package.parent / "campaign"
    quick = ("--users", "5", "--duration", "1", "--warmup", "0.2", "--out", str(out))
    run([*command, *quick], ROOT, (0, INVALID))  # a busy machine makes cells invalid, which is no failure here
    cells = CampaignFolder(out).read_summary().cells
    assert {cell.strategy for cell in cells} == {"direct", "rotating"}
    assert all(cell.delivered == cell.expected > 0 and len(cell.position_ms) == 10 for cell in cells)
    # The server's own telemetry is kept, whichever strategy it has.
    assert all(cell.server.loop_lag_p99_ms and cell.server.kicked == 0 for cell in cells)
    with (out / "telemetry.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["strategy"] for row in rows} == {"direct", "rotating"}
    assert {row["members"] for row in rows} >= {"0", "5"}
