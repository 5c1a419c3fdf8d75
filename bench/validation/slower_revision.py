"""A commit whose server is slower by a known share, to see whether a gate finds it.

`python -m bench.validation.slower_revision --percent 10` prints its id, for `compare --revision HEAD --revision ID`.
The commit is on no branch: git forgets it after some weeks, and nothing else changes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from bench.errors import RevisionError
from bench.execution.git import Repository

CHANGED_FILE = "server/strategies/direct.py"
CHANGE = """


# Made slower on purpose by chatroom-bench, to see whether its gate finds that.
import time  # noqa: E402

GROUP = 16


async def _publish_slower(self: DirectStrategy, broadcast: Broadcast) -> None:
    copies, begin = 0, time.perf_counter_ns()
    members = tuple(self._members.values())
    for number, member in enumerate(members, 1):
        copies += await member.send(broadcast.payload)
        if number % GROUP == 0 or number == len(members):
            now = time.perf_counter_ns()
            end = now + (now - begin) * {percent} / 100
            while time.perf_counter_ns() < end:
                pass
            begin = time.perf_counter_ns()
    self._counters.sent(broadcast, copies)


DirectStrategy.publish = _publish_slower  # type: ignore[method-assign]
"""
AUTHOR = ("-c", "user.name=chatroom-bench", "-c", "user.email=chatroom-bench@localhost")


def slower_revision(repository: Repository, revision: str, percent: float) -> str:
    """Make a commit on top of a revision, whose strategy `direct` takes `percent` longer for every group of sends.

    Returns its id.

    Raises:
        RevisionError: the revision is unknown, or git cannot make a commit.

    """
    commit, path = repository.resolve(revision).commit, f"{repository.prefix}{CHANGED_FILE}"
    source = repository.run("cat-file", "blob", f"{commit}:{path}")
    blob = repository.run("hash-object", "-w", "--stdin", content=source + CHANGE.format(percent=percent))
    with tempfile.TemporaryDirectory() as directory:
        index = {"GIT_INDEX_FILE": str(Path(directory) / "index")}
        repository.run("read-tree", commit, more_environment=index)
        repository.run("update-index", "--cacheinfo", f"100644,{blob},{path}", more_environment=index)
        tree = repository.run("write-tree", more_environment=index)
    message = f"Make direct {percent:g} % slower on purpose"
    return repository.run(*AUTHOR, "commit-tree", tree, "-p", commit, "-m", message)


@click.command
@click.option("--revision", default="HEAD", show_default=True, help="What to make slower.")
@click.option("--percent", default=10.0, type=click.FloatRange(0), show_default=True, help="By how much.")
def main(revision: str, percent: float) -> None:
    """Print the id of a new commit whose strategy direct takes longer for every send, by a known share."""
    try:
        click.echo(slower_revision(Repository(), revision, percent))
    except RevisionError as error:
        raise click.BadParameter(str(error), param_hint="--revision") from error


if __name__ == "__main__":
    main()
