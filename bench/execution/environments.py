"""The environments that targets run in, made on demand: of Python with packages from PyPI, or a folder of npm's.

They are kept in the user's cache, under a digest of what was asked for, and shared by all checkouts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.errors import TrialError
from bench.model.target import Start

LIMIT_S = 600
DONE = "made"
PYTHON = "{python}"


def prepare(start: Start, tell: Callable[[str], None]) -> Start:
    """Return how to start a server whose environment is there; `tell` is told when one has to be made.

    `{python}` in the command is the interpreter of its environment, or that of this process where it asks for no
    packages; those from npm are found by `require`.

    Raises:
        TrialError: a program that it needs is not here, or its packages cannot be installed.

    """
    if absent := [program for program in start.needs if shutil.which(program) is None]:
        raise TrialError(f"it needs {', '.join(absent)}, which is not here; install that, or leave this target out")
    python, environment = sys.executable, dict(start.environment)
    if start.requirements:
        python = str(_python(Path(start.folder) / start.requirements, tell))
    if start.packages:
        environment["NODE_PATH"] = str(_node_modules(Path(start.folder) / start.packages, tell))
    command = start.command.replace(PYTHON, python)
    return msgspec.structs.replace(start, command=command, environment=tuple(environment.items()))


def _python(requirements: Path, tell: Callable[[str], None]) -> Path:
    """Return the interpreter of an environment with these packages."""
    folder = _folder(requirements, sys.version)
    interpreter = folder / "bin" / "python"
    if not (folder / DONE).exists():
        tell(f"installing {requirements} into {folder}")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(interpreter), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)])
        (folder / DONE).touch()
    return interpreter


def _node_modules(packages: Path, tell: Callable[[str], None]) -> Path:
    """Return the folder of modules with these packages."""
    folder = _folder(packages, "npm")
    if not (folder / DONE).exists():
        tell(f"installing {packages} into {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(packages, folder / "package.json")
        _run(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"])
        (folder / DONE).touch()
    return folder / "node_modules"


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
