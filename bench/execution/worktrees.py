"""Commits checked out into temporary git worktrees, whose servers can be run side by side."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import RevisionError, TrialError
from bench.execution.git import Repository

PREFIX = "chatroom-bench-revisions-"


@contextmanager
def checked_out(commits: Iterable[str]) -> Iterator[Mapping[str, Path]]:
    """Check commits out and yield the folder of each, from which `python -m server` runs its server.

    They are removed when the block ends. What a bench that was killed left behind is removed first.

    Raises:
        TrialError: a commit cannot be checked out.

    """
    wanted = list(dict.fromkeys(commits))
    if not wanted:
        yield {}
        return
    try:
        repository = Repository()
    except RevisionError as error:
        raise TrialError(str(error)) from error
    _remove_stale(repository)
    parent = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    with _held(parent):
        try:
            yield {commit: _add(repository, parent / commit, commit) for commit in wanted}
        finally:
            _remove(repository, parent)


def _add(repository: Repository, folder: Path, commit: str) -> Path:
    try:
        repository.run("worktree", "add", "--detach", str(folder), commit)
    except RevisionError as error:
        raise TrialError(
            f"commit {commit[:12]} cannot be checked out: {error}; see that the commit is there (`git fetch`) and that "
            f"{tempfile.gettempdir()} has room"
        ) from error
    return folder / repository.prefix


@contextmanager
def _held(parent: Path) -> Iterator[None]:
    """Lock the folder, so that another bench can tell that its owner is at work; the lock ends with the process."""
    descriptor = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_stale(repository: Repository) -> None:
    """Remove the worktrees of benches that were killed."""
    for parent in {folder.parent for folder in _ours(repository)}:
        try:
            descriptor = os.open(parent, os.O_RDONLY)
        except FileNotFoundError:  # only git still knows of it
            _remove(repository, parent)
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(repository, parent)
        except BlockingIOError:
            pass  # its owner is at work
        finally:
            os.close(descriptor)


def _remove(repository: Repository, parent: Path) -> None:
    """Remove all worktrees in a folder, and the folder; no other worktree of the repository is touched."""
    for folder in _ours(repository):
        if folder.parent == parent:
            with suppress(RevisionError):
                repository.run("worktree", "remove", "--force", "--force", str(folder))  # twice: a half-made one too
    shutil.rmtree(parent, ignore_errors=True)


def _ours(repository: Repository) -> list[Path]:
    """List the repository's worktrees that a bench made."""
    lines = repository.run("worktree", "list", "--porcelain").splitlines()
    folders = [Path(line.removeprefix("worktree ")) for line in lines if line.startswith("worktree ")]
    return [folder for folder in folders if folder.parent.name.startswith(PREFIX)]
