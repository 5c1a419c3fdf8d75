"""The page about servers of one's own: its example is measured as it says."""

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
FILE = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.long
def test_the_example_is_measured(tmp_path: Path) -> None:
    ((name, text),) = FILE.findall(PAGE)
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
