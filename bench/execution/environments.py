"""The environments that targets run in, made on demand: of Python with packages from PyPI, or a folder of npm's.

They are kept in the user's cache, under a digest of what was asked for, and shared by all checkouts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.errors import TrialError
from bench.model.target import Start
from bench.storage.target_file import located

LIMIT_S = 600
VERSION_LIMIT_S = 30
DONE = "made"
PYTHON = "{python}"


def prepare(start: Start, tell: Callable[[str], None]) -> Start:
    """Return how to start a server whose environment is there; `tell` is told when one has to be made.

    `{python}` in the command is the interpreter of its environment, or that of this process where it asks for no
    packages; those from npm are found by `require`.

    Raises:
        TrialError: a program that it needs is not here, or its packages cannot be installed.

    """
    if absent := [each for each in start.needs if not _is_here(each)]:
        raise TrialError(f"it needs {', '.join(absent)}, which is not here; install that, or leave this target out")
    python, environment = _interpreter(start.python), dict(start.environment)
    if start.requirements:
        python = str(_python(python, located(start.folder) / start.requirements, tell))
    if start.packages:
        environment["NODE_PATH"] = str(_node_modules(located(start.folder) / start.packages, tell))
    command = start.command.replace(PYTHON, python)
    return msgspec.structs.replace(start, command=command, environment=tuple(environment.items()))


def program_versions(start: Start) -> tuple[str, ...]:
    """Return the versions of the programs that a server needs, and of its Python, as in `node 20.1.0`."""
    programs = {Path(each).name: each for each in start.needs if shutil.which(each)}
    if start.requirements:
        programs["python"] = _interpreter(start.python)
    return tuple(f"{name} {version}" for name, program in programs.items() if (version := _version(program)))


def _version(program: str) -> str:
    """Ask a program for its version; nginx knows only `-v`."""
    for flag in ("--version", "-v"):
        try:
            done = subprocess.run([program, flag], capture_output=True, text=True, timeout=VERSION_LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        if found := re.search(r"\d+(\.\d+)+", done.stdout + done.stderr):
            return found[0]
    return ""


def _is_here(need: str) -> bool:
    """Whether a program is on the PATH, or a file there."""
    return Path(need).exists() if need.startswith("/") else shutil.which(need) is not None


def _interpreter(version: str) -> str:
    """Return the path of a Python: this one, or one of a version such as 3.12, on the PATH or among pyenv's.

    Raises:
        TrialError: there is none.

    """
    if version in ("", f"{sys.version_info.major}.{sys.version_info.minor}"):
        return sys.executable
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    of_pyenv = sorted(versions.glob(f"{version}.*/bin/python"), key=_numbers)
    for candidate in (shutil.which(f"python{version}"), *reversed(of_pyenv)):
        if candidate and _version(str(candidate)).startswith(f"{version}."):  # a shim of pyenv's may not run
            return str(candidate)
    raise TrialError(f"it needs Python {version}, which is not here; install that, or leave this target out")


def _numbers(interpreter: Path) -> list[int]:
    """Return the numbers in the name of pyenv's folder: 3.12.10 is newer than 3.12.9."""
    return [int(number) for number in re.findall(r"\d+", interpreter.parts[-3])]


def _python(python: str, requirements: Path, tell: Callable[[str], None]) -> Path:
    """Return the interpreter of an environment with these packages, made by another one."""
    folder = _folder(requirements, sys.version if python == sys.executable else python)
    interpreter = folder / "bin" / "python"
    with _locked(folder):
        if not (folder / DONE).exists():
            tell(f"installing {requirements} into {folder}")
            _run([python, "-m", "venv", "--clear", str(folder)])
            _run([str(interpreter), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)])
            (folder / DONE).touch()
    return interpreter


def _node_modules(packages: Path, tell: Callable[[str], None]) -> Path:
    """Return the folder of modules with these packages."""
    folder = _folder(packages, "npm")
    with _locked(folder):
        if not (folder / DONE).exists():
            tell(f"installing {packages} into {folder}")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(packages, folder / "package.json")
            _run(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"])
            (folder / DONE).touch()
    return folder / "node_modules"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make an environment; the lock ends with the process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder(file: Path, kind: str) -> Path:
    """Return where the environment of a file's content belongs."""
    try:
        digest = hashlib.sha256(file.read_bytes() + kind.encode()).hexdigest()
    except OSError as error:
        raise TrialError(f"cannot read {file}: {error.strerror}") from error
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "chatroom-bench" / f"{file.parent.name}-{digest[:12]}"


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrialError(f"{command[0]} failed: {error}") from error
    if done.returncode:
        raise TrialError(
            f"{' '.join(command)} ended with {done.returncode}", (done.stdout + done.stderr).splitlines()[-15:]
        )
