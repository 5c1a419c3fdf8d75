"""The servers of `bench/peers`: which can run here, and what they are made of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.commands.main import main
from bench.errors import TrialError
from bench.execution import stacks
from bench.execution.environments import prepare, program_versions
from bench.model.target import Start
from bench.storage.checkout import PACKAGES, PEERS
from bench.storage.target_file import located, read_target

ALL = sorted(PEERS.glob("*/*.toml"))


@pytest.mark.parametrize("file", ALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_stack_is_described_with_pinned_packages(file: Path) -> None:
    target = read_target(file)
    assert target.start is not None
    assert located(target.file) == file
    assert not Path(target.file).is_absolute(), "a stored result must be readable elsewhere"
    assert not Path(target.start.folder).is_absolute()
    assert target.start.versions or target.start.needs
    for version in target.start.versions:
        assert "==" in version


def test_no_two_stacks_share_a_name() -> None:
    names = [read_target(file).name for file in ALL]
    assert len(set(names)) == len(names)


@pytest.fixture
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stacks, "PEERS", tmp_path)
    for name, needs in (("here", "python3"), ("elsewhere", "no-such-program"), ("no-module", "/no/such/module.so")):
        (tmp_path / name).mkdir()
        command = f"python3 {name}.py {{port}}"
        (tmp_path / name / "target.toml").write_text(
            f'name = "{name}"\n[start]\ncommand = "{command}"\nneeds = ["{needs}"]\n[join]\n'
        )
    return tmp_path


@pytest.mark.usefixtures("peers")
def test_what_cannot_run_here_is_left_out_with_a_word() -> None:
    told: list[str] = []
    (here,) = stacks.stacks_here(told.append)
    assert here.name == "here"
    assert here.start
    assert here.start.versions[0].startswith("python3 3.")
    assert told == [
        "elsewhere is left out: it needs no-such-program, which is not here; install that, or leave this target out",
        "no-module is left out: it needs /no/such/module.so, which is not here; install that, or leave this target out",
    ]


@pytest.mark.usefixtures("peers")
def test_the_flag_adds_them_to_what_is_named() -> None:
    done = CliRunner().invoke(main, ["compare", "--strategies", "here", "--stacks"])
    assert done.exit_code == 2
    assert "'here' is a strategy here; give the peer a name of its own" in done.output
    assert "elsewhere is left out" in done.output


def test_an_interpreter_of_another_version_is_found_or_named() -> None:
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert prepare(Start("{python} {port}", python=own), pytest.fail).command.startswith(sys.executable)
    with pytest.raises(TrialError, match=r"it needs Python 3\.99, which is not here"):
        prepare(Start("{python} {port}", python="3.99"), pytest.fail)


def test_a_python_of_pyenv_is_found_by_its_newest_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for version in ("3.97.9", "3.97.10", "3.97.11"):
        interpreter = tmp_path / "versions" / version / "bin" / "python"
        interpreter.parent.mkdir(parents=True)
        runs = version != "3.97.11"
        interpreter.write_text(f"#!/bin/sh\n{f'echo Python {version}' if runs else 'exit 1'}\n")
        interpreter.chmod(0o755)
    made = prepare(Start("{python} {port}", python="3.97"), pytest.fail)
    assert "3.97.10" in made.command, "the newest that runs"
    assert program_versions(Start("{python} {port}", python="3.97", requirements="x")) == ("python 3.97.10",)


def test_pins_of_npm_are_read(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"dependencies": {"ws": "8.1.0"}}))
    (tmp_path / "mine.toml").write_text('[start]\ncommand = "node {port}"\npackages = "package.json"\n[join]\n')
    target = read_target(tmp_path / "mine.toml")
    assert target.start
    assert target.start.versions == ("ws==8.1.0",)


@pytest.mark.long
@pytest.mark.parametrize("name", ["websockets", "ours/coalesced-py312"])
def test_a_stack_passes_the_check_of_a_target(name: str) -> None:
    """The others need more installation than a test run may take; `make stacks` starts all."""
    file = PEERS / (f"{name}.toml" if "/" in name else f"{name}/target.toml")
    command = [sys.executable, "-m", "bench", "target", "check", str(file)]
    done = subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, timeout=600, check=False)
    if "which is not here" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
