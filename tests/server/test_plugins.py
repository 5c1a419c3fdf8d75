"""Strategies from other distributions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.strategies import STRATEGIES, strategy_named
from tests.server.test_command_line import run_server

GOOD = """
from server.strategies import Strategy

class Silent(Strategy):
    name = "silent"

    async def publish(self, broadcast):
        pass
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that distributions can be installed in, for this process and those it starts."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def install(site: Path, distribution: str, entry_point: str, source: str = GOOD) -> None:
    """Install a distribution that has one strategy, as pip would leave it."""
    module = entry_point.partition("= ")[2].partition(":")[0]
    (site / f"{module}.py").write_text(source)
    sys.modules.pop(module, None)
    info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[chatroom_bench.strategies]\n{entry_point}\n")


def test_installed_strategy_is_found_by_its_name(site: Path) -> None:
    install(site, "chat-silence", "silent = chat_silence:Silent")
    strategy = strategy_named("silent")
    assert (strategy.__module__, strategy.__name__) == ("chat_silence", "Silent")


def test_built_in_name_cannot_be_taken(site: Path) -> None:
    install(site, "chat-silence", "direct = chat_silence:Silent")
    assert strategy_named("direct") is STRATEGIES["direct"]


def test_installed_strategies_are_listed_without_importing_them(site: Path) -> None:
    install(site, "chat-silence", "silent = chat_silence:Silent", "raise RuntimeError('imported')")
    with pytest.raises(ValueError, match=r"^unknown strategy 'fast'; choose direct, .* or silent$"):
        strategy_named("fast")


def test_two_distributions_with_one_name(site: Path) -> None:
    install(site, "chat-silence", "silent = chat_silence:Silent")
    install(site, "quiet-chat", "silent = quiet_chat:Silent")
    with pytest.raises(ValueError, match=r"'silent' is in chat-silence 1\.2 and in quiet-chat 1\.2; uninstall all but"):
        strategy_named("silent")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_module", r"importing it raised ModuleNotFoundError\(.*no_such_module"),
        ("", r"importing it raised AttributeError\(.*Silent"),
        ("class Silent: pass", "it is not a subclass of server.strategies.Strategy"),
        ("Silent = print", "it is not a subclass of server.strategies.Strategy"),
        (GOOD.replace("publish", "broadcast"), "it does not define publish"),
        (GOOD.replace('"silent"', '"still"'), "its `name` is 'still'; name both alike"),
        (GOOD.replace("name =", "label ="), "its `name` is None; name both alike"),
    ],
)
def test_strategy_that_cannot_be_used(site: Path, source: str, why: str) -> None:
    install(site, "chat-silence", "silent = chat_silence:Silent", source)
    expected = rf"^cannot use strategy 'silent' \(chat_silence:Silent\) of chat-silence 1\.2: {why}"
    with pytest.raises(ValueError, match=expected):
        strategy_named("silent")


def test_command_line_says_why_an_installed_strategy_cannot_be_used(site: Path) -> None:
    install(site, "chat-silence", "silent = chat_silence:Silent", "import no_such_module")
    ended = run_server("--strategy", "silent")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "cannot use strategy 'silent' (chat_silence:Silent) of chat-silence 1.2: importing it raised" in ended.stderr


def test_contract_is_not_run_against_another_class_of_that_name(tmp_path: Path) -> None:
    test = "\nfrom server.testing import StrategyContract\n\nclass TestIt(StrategyContract):\n    strategy = Silent\n"
    (tmp_path / "test_it.py").write_text(GOOD.replace('"silent"', '"direct"') + test)
    command = [sys.executable, "-m", "pytest", "--exitfirst", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert "AssertionError: --strategy direct starts another class; choose another name" in ended.stdout
