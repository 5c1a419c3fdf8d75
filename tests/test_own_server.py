"""The pages about servers of one's own: their examples are measured as they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands.exit_codes import INVALID
from bench.storage.campaign_folder import CampaignFolder

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "own-server.md").read_text()
EXAMPLES = (ROOT / "docs" / "own-server-examples.md").read_text()
FILE = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```(?:python|toml|text)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SUBJECT = re.compile(r"^## ", re.MULTILINE)


@pytest.mark.long
def test_the_example_is_measured(tmp_path: Path) -> None:
    name, text = FILE.findall(PAGE)[0]
    (tmp_path / name).write_text(text)
    rival = re.search(r"--rival 'mine=(.*?)' --url-path '(.*?)' --blocks", PAGE)
    assert rival is not None
    server, path = rival.groups()
    command = f"{sys.executable} -m {server}"
    flags = ["--strategies", "none", "--rival", f"mine={command}", "--url-path", path, "--arrival", "constant"]
    load = ["--users", "5", "--room-rate", "50", "--duration", "1", "--warmup", "0.2", "--retries", "0"]
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "compare", *flags, *load, "--out", str(tmp_path / "out")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode in (0, INVALID), ended.stderr
    (cell,) = CampaignFolder(tmp_path / "out").read_summary().cells
    assert (cell.strategy, cell.expected, cell.delivered) == ("mine", 250, 250)


@pytest.mark.long
@pytest.mark.parametrize("example", SUBJECT.split(EXAMPLES)[1:], ids=lambda text: text.splitlines()[0])
def test_each_example_passes_the_check_of_a_target(example: str, tmp_path: Path) -> None:
    """That of Django installs its packages, once a machine."""
    files = dict(FILE.findall(example))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (described,) = [name for name in files if name.endswith(".toml")]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "target", "check", str(tmp_path / described)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "what one said reached the other unaltered" in done.stdout
