"""Revisions of the server side by side: real checkouts, real servers, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.commands.main import main
from bench.errors import RevisionError, TrialError
from bench.execution.git import Repository
from bench.execution.worktrees import PREFIX, checked_out
from bench.scenarios.result import read_scenario_result
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.checkout import PACKAGES
from bench.validation.slower_revision import CHANGE, CHANGED_FILE, slower_revision
from tests.bench.command import ANY_SPEED, bench

LIMIT_S = 300
QUICK = (
    *("--strategies", "direct", "--users", "2", "--duration", "0.4", "--warmup", "0.1", "--drain", "2"),
    *("--retries", "0"),  # a busy machine must not add runs
)
REFUSAL = """
import sys

if "--max-message-bytes" in sys.argv:
    sys.exit(print("Error: No such option: --max-message-bytes") or 2)
"""
OTHER_COUNT = """

_as_dict = Counters.sent


def _sent_twice(self: Counters, broadcast: object, copies: int) -> None:
    _as_dict(self, broadcast, 1000 * copies)


Counters.sent = _sent_twice
"""


@pytest.fixture(scope="module")
def repository() -> Repository:
    try:
        return Repository()
    except RevisionError as error:
        pytest.skip(str(error))


def commit_with(repository: Repository, path: str, more: str, folder: Path) -> str:
    """Make a commit on no branch in which a file has `more` at its end; return its id."""
    source = repository.run("cat-file", "blob", f"HEAD:{repository.prefix}{path}")
    blob = repository.run("hash-object", "-w", "--stdin", content=source + more)
    index = {"GIT_INDEX_FILE": str(folder / "index")}
    repository.run("read-tree", "HEAD", more_environment=index)
    entry = f"100644,{blob},{repository.prefix}{path}"
    repository.run("update-index", "--add", "--cacheinfo", entry, more_environment=index)
    tree = repository.run("write-tree", more_environment=index)
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return repository.run(*author, "commit-tree", tree, "-p", "HEAD", "-m", "test")


def worktrees(repository: Repository, temporary: Path) -> list[str]:
    """List the worktrees below a test's own folder: other tests have theirs at the same time."""
    return [
        line for line in repository.run("worktree", "list").splitlines() if line.startswith(f"{temporary}/{PREFIX}")
    ]


def start(*words: str, temporary: Path, subcommand: str = "compare") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench", subcommand, *words],
        cwd=PACKAGES,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def temporary(tmp_path: Path, repository: Repository) -> Iterator[Path]:
    """Make a folder for temporary files; worktrees that a failed test left in it are removed."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    yield folder
    for left in folder.glob(f"{PREFIX}*/*"):
        repository.run("worktree", "remove", "--force", "--force", str(left))


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.long
def test_each_revision_runs_its_own_server(tmp_path: Path, temporary: Path, repository: Repository) -> None:
    """The server of a commit that counts each copy a thousand times tells so in its `/stats`."""
    other = commit_with(repository, "server/telemetry/counters.py", OTHER_COUNT, tmp_path)
    out = tmp_path / "campaign"
    process = start(*QUICK, "--revision", "HEAD", "--revision", other, "--out", str(out), temporary=temporary)
    output, _ = process.communicate(timeout=LIMIT_S)
    store = CampaignFolder(out)
    plan = store.read_plan().plan
    assert [arm.label for arm in plan.arms] == ["direct@HEAD", f"direct@{other[:12]}"], output
    assert [arm.revision for arm in plan.arms] == [repository.resolve("HEAD").commit, other]
    copies = {}
    for ran in store.read_runs():
        assert ran.failure is None, output
        assert ran.swarm
        assert ran.stats_after
        assert ran.swarm.steps[0].missing == 0
        copies[ran.trial.arm.revision] = ran.stats_after.deliveries_out / ran.stats_after.messages_in
    assert copies[other] == 1000 * copies[plan.arms[0].revision] > 0
    assert not list(temporary.glob(f"{PREFIX}*"))
    assert not worktrees(repository, temporary)


@pytest.mark.long
def test_worktrees_are_removed_after_ctrl_c_and_a_killed_campaign_goes_on(
    tmp_path: Path, temporary: Path, repository: Repository
) -> None:
    out, store = tmp_path / "campaign", CampaignFolder(tmp_path / "campaign")
    flags = (*QUICK, "--revision", "HEAD", "--revision", "HEAD", "--out", str(out))
    killed = start(*flags, temporary=temporary)
    until(lambda: len(list(store.runs.glob("*.json"))) == 1, killed)
    killed.kill()
    killed.communicate()
    (left,) = temporary.glob(f"{PREFIX}*")
    assert worktrees(repository, temporary)

    resumed = start("--resume", str(out), ANY_SPEED, temporary=temporary)
    until(lambda: any(left not in each.parents for each in temporary.glob(f"{PREFIX}*/*/server")), resumed)
    assert not left.exists()
    resumed.send_signal(signal.SIGINT)
    resumed.communicate(timeout=LIMIT_S)
    assert not list(temporary.glob(f"{PREFIX}*"))
    assert not worktrees(repository, temporary)

    again = start("--resume", str(out), ANY_SPEED, temporary=temporary)
    output, _ = again.communicate(timeout=LIMIT_S)
    summary = store.read_summary()
    assert {cell.strategy for cell in summary.cells} == {"direct@HEAD#1", "direct@HEAD#2"}, output
    assert summary.failures == []
    assert not list(temporary.glob(f"{PREFIX}*"))


def test_a_bench_at_work_keeps_its_worktrees(repository: Repository) -> None:
    """Another bench that starts meanwhile removes what is left behind only."""
    commit = repository.resolve("HEAD").commit
    with checked_out([commit, commit]) as first:
        (folder,) = first.values()
        assert (folder / "server" / "__main__.py").exists()
        with checked_out([commit]) as second:
            assert second[commit] != folder
            assert folder.exists()
        assert folder.exists()
        assert not second[commit].exists()
    assert not folder.exists()


def test_worktrees_are_removed_when_a_commit_cannot_be_checked_out(
    temporary: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    commit = repository.resolve("HEAD").commit
    with (
        pytest.raises(TrialError, match=r"commit 000000000000 cannot be checked out: .*git fetch"),
        checked_out([commit, "0" * 40]),
    ):
        pass
    assert not worktrees(repository, temporary)


def use(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["compare", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--revision", "no/such"], "unknown revision 'no/such'; give a branch, a tag or a commit of this checkout"),
        (["--revision", "--all"], "unknown revision '--all'"),
        (
            ["--revision", "HEAD", "--strategies", "direct,direct"],
            "with --revision name each strategy once; a --revision given twice is compared with itself",
        ),
        (["--strategies", "none"], "'none' leaves nothing to run; give a --rival"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_wrong_revisions_are_refused_with_what_to_do(words: list[str], told: str) -> None:
    code, output = use(*words)
    assert code == 2
    assert told in output


def test_a_revision_without_a_server_is_refused(repository: Repository) -> None:
    empty = repository.run("hash-object", "-t", "tree", "-w", "--stdin")
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    commit = repository.run(*author, "commit-tree", empty, "-m", "empty")
    code, output = use("--revision", commit)
    assert code == 2
    assert f"({commit[:12]}) has no server/__main__.py; give one whose server can be run" in output


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match=r"a revision needs a git checkout of this tool, and .* is none"):
        Repository(tmp_path)


@pytest.mark.long
def test_a_revision_that_refuses_a_flag_is_named(
    tmp_path: Path, temporary: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    refusing = commit_with(repository, "server/__init__.py", REFUSAL, tmp_path)
    code, output = use(*QUICK, "--revision", "HEAD", "--revision", refusing, "--out", str(tmp_path / "campaign"))
    assert code == 2
    assert f"the server of direct@{refusing[:12]} (commit {refusing[:12]}):" in output
    assert "No such option: --max-message-bytes" in output
    assert not (tmp_path / "campaign").exists()
    assert not worktrees(repository, temporary)


@pytest.mark.long
def test_a_slower_revision_differs_in_one_file_and_still_delivers(tmp_path: Path, repository: Repository) -> None:
    commit = slower_revision(repository, "HEAD", 10)
    assert repository.run("diff", "--name-only", "HEAD", commit) == f"{repository.prefix}{CHANGED_FILE}"
    assert "* 10 / 100" in CHANGE.format(percent=10)
    out = tmp_path / "campaign"
    code, output = use(*QUICK, "--revision", commit, "--out", str(out))
    assert code in (0, 3), output  # a busy machine may make it invalid
    (cell,) = CampaignFolder(out).read_summary().cells
    assert (cell.expected, cell.missing) == (cell.delivered, 0), output


@pytest.mark.long
def test_a_scenario_is_run_at_each_revision(tmp_path: Path, temporary: Path, repository: Repository) -> None:
    """So that what a change did to a disturbed room is measured as the campaign before it was."""
    other = commit_with(repository, "server/telemetry/counters.py", OTHER_COUNT, tmp_path)
    out = tmp_path / "scenario"
    flags = ("--strategies", "direct", "--users", "3", "--duration", "1", "--revision", "HEAD", "--revision", other)
    process = start("steady", *flags, "--out", str(out), temporary=temporary, subcommand="run")
    output, _ = process.communicate(timeout=LIMIT_S)
    result = read_scenario_result(out)
    assert {row.strategy for row in result.rows} == {"direct@HEAD", f"direct@{other[:12]}"}, output
    assert result.rows_not_run == 0
    assert result.revisions == (repository.resolve("HEAD").commit, other)
    report = bench("report", str(out))
    assert f"--revision {other}" in (out / "report.md").read_text(), report.stderr
    assert not worktrees(repository, temporary)
