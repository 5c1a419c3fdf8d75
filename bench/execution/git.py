"""The git repository that this tool runs from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from bench.errors import RevisionError
from bench.model.revision import Revision, revision_name
from bench.storage.checkout import PACKAGES

NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")  # set by git for what a hook runs
NO_MORE: Mapping[str, str] = MappingProxyType({})


class Repository:
    """The git repository around a folder, by default that of this tool."""

    def __init__(self, folder: Path = PACKAGES) -> None:
        """Find the repository.

        Raises:
            RevisionError: there is no git, or the folder is in no checkout.

        """
        self._folder = folder
        try:
            self.prefix = self.run("rev-parse", "--show-prefix")
        except RevisionError as error:
            raise RevisionError(
                f"a revision needs a git checkout of this tool, and {folder} is none ({error}); "
                "run from a checkout, or compare servers of your own with --rival"
            ) from error

    def run(self, *words: str, more_environment: Mapping[str, str] = NO_MORE, content: str = "") -> str:
        """Return what a git command writes, without white space around it; `content` is its standard input.

        Raises:
            RevisionError: it failed; the message is git's.

        """
        command = ["git", "-C", str(self._folder), *NO_HOOKS, *words]
        environment = {name: value for name, value in os.environ.items() if name not in OF_HOOKS} | dict(
            more_environment
        )
        try:
            done = subprocess.run(
                command,
                input=content,
                capture_output=True,
                text=True,
                env=environment | dict(more_environment),
                start_new_session=True,  # Ctrl-C is for the bench, which ends in order
            )
        except FileNotFoundError as error:
            raise RevisionError("git is not installed") from error
        if done.returncode != 0:
            raise RevisionError(" ".join(done.stderr.split()) or f"git {words[0]} ended with {done.returncode}")
        return done.stdout.strip()

    def resolve(self, given: str) -> Revision:
        """Find the commit that a branch, a tag, or anything else that git understands stands for.

        Raises:
            RevisionError: there is none, or it has no server.

        """
        try:
            commit = self.run("rev-parse", "--verify", "--end-of-options", f"{given}^{{commit}}")
        except RevisionError as error:
            raise RevisionError(
                f"unknown revision {given!r}; give a branch, a tag or a commit of this checkout, such as main or "
                "HEAD~1 (`git fetch` brings those of a remote; a shallow clone lacks older ones)"
            ) from error
        try:
            self.run("cat-file", "-e", f"{commit}:{self.prefix}server/__main__.py")
        except RevisionError as error:
            raise RevisionError(
                f"revision {given!r} ({commit[:12]}) has no server/__main__.py; give one whose server can be run"
            ) from error
        return Revision(revision_name(given), commit)
