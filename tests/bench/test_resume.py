"""Campaigns that end early: what is kept, what `compare --resume` does with it, and what it refuses."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bench.commands.main import main
from bench.execution.environment_reader import read_environment
from bench.execution.pinning import choose_pinning
from bench.model.environment import Commit, Environment
from bench.model.plan import Plan
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.checkout import PACKAGES
from tests.bench.command import ANY_SPEED
from tests.bench.made_up import plan, run, step

LIMIT_S = 300
QUICK = (
    *("--strategies", "direct,direct", "--users", "2", "--duration", "0.4", "--warmup", "0.1", "--drain", "2"),
    *("--retries", "0"),  # a busy machine must not add runs
)


class Campaign:
    """`python -m bench compare` as a process, on a folder that may have been begun before."""

    def __init__(self, folder: Path) -> None:
        self.store = CampaignFolder(folder)
        self.output = ""

    def start(self, *flags: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bench", "compare", *flags],
            cwd=PACKAGES,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(
        self, *flags: str, until: Callable[[], bool] | None = None, then: Callable[[int], None] | None = None
    ) -> int:
        """Run to the end, or `until` something is so and `then` do something to the process; return its exit code."""
        process = self.start(*flags)
        try:
            if until and then:
                self._await(until, process)
                then(process.pid)
            self.output, _ = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
            process.wait()
        return process.returncode

    def begun(self, trial: str) -> Callable[[], bool]:
        """Tell whether the swarm of a trial was started."""
        return (self.store.logs / f"{trial}.swarm.log").exists

    def _await(self, condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def trials(self) -> list[str]:
        return [trial.name for trial in self.store.read_plan().plan.trials]

    def times(self) -> dict[str, int]:
        """Return when each run was written, by trial."""
        return {path.stem: path.stat().st_mtime_ns for path in self.store.runs.glob("*.json")}


def signalled(signum: signal.Signals) -> Callable[[int], None]:
    return lambda pid: os.kill(pid, signum)


def assert_complete(campaign: Campaign) -> None:
    """Check that every trial is there once: in the summary, and in the tables with no row twice."""
    summary, runs = campaign.store.read_summary(), campaign.store.read_runs()
    assert (summary.failures, summary.not_measured) == ([], [])
    assert [f"block{cell.block}-{cell.strategy}" for cell in summary.cells] == campaign.trials()
    assert {path.stem for path in campaign.store.hgrm.iterdir()} == {f"{trial}-2" for trial in campaign.trials()}
    with (campaign.store.directory / "timeline.csv").open(newline="") as file:
        rows = [(row["strategy"], row["users"], row["block"], row["second"]) for row in csv.DictReader(file)]
    assert (
        len(rows) == len(set(rows)) == sum(len(each.timeline) for run in runs if run.swarm for each in run.swarm.steps)
    )
    assert not list(campaign.store.directory.rglob("*.tmp"))


@pytest.mark.long
def test_a_killed_interrupted_and_damaged_campaign_is_completed(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path / "campaign")
    folder = str(campaign.store.directory)

    code = campaign.run(
        *QUICK,
        "--blocks",
        "2",
        "--out",
        folder,
        until=lambda: len(campaign.times()) == 1,
        then=signalled(signal.SIGKILL),
    )
    assert code == -signal.SIGKILL
    first, second, third, fourth = campaign.trials()
    kept = campaign.times()
    assert set(kept) == {first}

    code = campaign.run("--resume", folder, ANY_SPEED, until=campaign.begun(third), then=signalled(signal.SIGINT))
    assert code == 3
    assert f"[1/3] {second}: 2 users, about" in campaign.output
    assert f"{third}: interrupted by SIGINT" in campaign.output
    assert (
        f"2 of 4 trials did not get to their end: `python -m bench compare --resume {folder}` runs them"
        in campaign.output
    )
    assert campaign.times()[first] == kept[first]
    kept = campaign.times()
    assert set(kept) == {first, second, third}

    damaged = campaign.store.runs / f"{first}.json"
    damaged.write_bytes(damaged.read_bytes()[:20])  # not within a number, which is told in other words
    shutil.rmtree(campaign.store.logs)
    code = campaign.run("--resume", folder, ANY_SPEED)
    assert f"{damaged} is damaged, or no run: Input data was truncated" in campaign.output
    assert [campaign.output.index(f"/3] {trial}: 2 users") for trial in (first, third, fourth)]
    assert campaign.times()[second] == kept[second]
    assert_complete(campaign)
    assert code == (0 if campaign.store.read_summary().valid else 3), campaign.output


@pytest.mark.long
def test_an_attempt_that_fails_sooner_does_not_replace_an_earlier_one(tmp_path: Path) -> None:
    made = plan(["direct"], [50, 100])
    store = store_campaign(tmp_path / "campaign", of=made)
    measured = run(made.trials[0], [step(50)], failure="interrupted by SIGINT")
    store.write_run(measured)
    campaign = Campaign(store.directory)
    begun = campaign.begun(made.trials[0].name)
    code = campaign.run("--resume", str(store.directory), ANY_SPEED, until=begun, then=signalled(signal.SIGINT))
    assert code == 3
    assert "1 of 1 trials did not get to their end" in campaign.output
    assert store.read_runs() == [measured]
    assert [cell.users for cell in store.read_summary().cells] == [50]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 512 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("only root may mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_full_disk_ends_a_campaign_and_with_room_it_is_resumed(tiny_disk: Path) -> None:
    campaign = Campaign(tiny_disk / "campaign")
    folder, filler = str(campaign.store.directory), tiny_disk / "filler"

    def fill(_pid: int) -> None:
        with filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096) == 4096:
                pass

    def fill_up(pid: int) -> None:
        with pytest.raises(OSError, match="No space left"):
            fill(pid)

    code = campaign.run(*QUICK, "--out", folder, until=lambda: len(campaign.times()) == 1, then=fill_up)
    assert code == 3
    assert "No space left on device" in campaign.output
    assert (
        f"what was written is kept, and `python -m bench compare --resume {folder}` goes on with it" in campaign.output
    )
    assert "bench/campaign.py" not in campaign.output  # the swarm's log may show a traceback, the bench has none
    kept = campaign.times()
    filler.unlink()
    campaign.run("--resume", folder, ANY_SPEED)
    first = campaign.trials()[0]
    assert campaign.times()[first] == kept[first]
    assert_complete(campaign)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_folder_that_cannot_be_written_to_is_refused_at_once(tiny_disk: Path) -> None:
    stored = store_campaign(tiny_disk / "campaign")
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    code, output = resume(stored.directory)
    assert code == 2
    assert "cannot be written to; copy it to where it can" in output
    code, output = use("compare", "--strategies", "direct", "--out", str(tiny_disk / "new"))
    assert code == 2
    assert "Read-only file system" in output


def use(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def resume(folder: Path, *flags: str) -> tuple[int, str]:
    return use("compare", "--resume", str(folder), *flags)


def here() -> Environment:
    return read_environment(choose_pinning())


def store_campaign(folder: Path, environment: Environment | None = None, of: Plan | None = None) -> CampaignFolder:
    """Store a made-up campaign, with every trial finished, as if it had been run here."""
    store, made = CampaignFolder(folder), of or plan(["direct"], [50], blocks=2)
    store.create()
    store.write_plan(made, environment or here())
    for trial in made.trials:
        store.write_run(run(trial, [step(50)]))
    return store


@pytest.mark.long
def test_a_campaign_that_is_complete_is_only_summed_up_again(tmp_path: Path) -> None:
    store = store_campaign(tmp_path / "campaign")
    before = {path: path.stat().st_mtime_ns for path in store.runs.iterdir()}
    code, output = resume(store.directory)
    assert code == 0
    assert "Maximum users within the SLO (p99 <= 50 ms, in windows too short for a p99): direct 50" in output
    assert {path: path.stat().st_mtime_ns for path in store.runs.iterdir()} == before
    assert len(store.read_summary().cells) == 2
    assert not list(store.logs.iterdir())


@pytest.mark.long
@pytest.mark.parametrize(
    ("differing", "told"),
    [
        ({"cpu": "Another CPU"}, "cpu: Another CPU, now "),
        ({"cores": 640}, "cores: 640, now "),
        ({"python": "CPython 3.9.1"}, "python: CPython 3.9.1, now "),
        ({"versions": {}}, "websockets: none, now "),
        ({"commit": Commit("0123456789abcdef", dirty=True)}, "commit: 0123456789ab with changes, now "),
    ],
)
def test_another_machine_or_version_is_refused_unless_told(
    differing: dict[str, object], told: str, tmp_path: Path
) -> None:
    store = store_campaign(tmp_path / "campaign", msgspec.structs.replace(here(), **differing))
    code, output = resume(store.directory)
    assert code == 2
    assert told in output
    assert "give --allow-different-environment" in output
    assert not (store.directory / "summary.json").exists()


@pytest.mark.long
def test_results_of_two_environments_say_so(tmp_path: Path) -> None:
    store = store_campaign(tmp_path / "campaign", msgspec.structs.replace(here(), cpu="Another CPU"))
    code, _ = resume(store.directory, "--allow-different-environment")
    assert code == 0
    for environment in (store.read_summary().environment, store.read_plan().environment):
        assert environment.cpu == "Another CPU"
        assert environment.findings[0].name == "resumed elsewhere"
        assert "cpu: Another CPU, now" in environment.findings[0].found


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--users", "50"], "so --users cannot be changed; leave that out"),
        (["--blocks", "10", "--out", "elsewhere"], "so --blocks and --out cannot be changed"),
        (["--strategies", "direct"], "so --strategies cannot be changed"),
    ],
)
def test_a_resumed_campaign_takes_no_other_flags(flags: list[str], told: str, tmp_path: Path) -> None:
    code, output = resume(store_campaign(tmp_path / "campaign").directory, *flags)
    assert code == 2
    assert told in output


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "plan.json: No such file or directory; give a folder that `compare` wrote"),
        (b'{"format": 1, "env', "plan.json is damaged, or no plan"),
        (b'{"format": 99}', "plan.json has format 99, this version reads 1; use the version that wrote it"),
    ],
)
def test_a_folder_without_a_plan_that_can_be_read_is_refused(content: bytes | None, told: str, tmp_path: Path) -> None:
    if content:
        (tmp_path / "plan.json").write_bytes(content)
    code, output = resume(tmp_path)
    assert code == 2
    assert told in output


def test_results_that_were_passed_on_without_their_runs_are_not_begun_anew(tmp_path: Path) -> None:
    store = store_campaign(tmp_path / "campaign")
    shutil.rmtree(store.runs)
    code, output = resume(store.directory)
    assert code == 2
    assert "was passed on without its runs/; resume it where it was run" in output


def test_two_benches_do_not_work_in_one_folder(tmp_path: Path) -> None:
    store = store_campaign(tmp_path / "campaign")
    with store.locked():
        code, output = resume(store.directory)
    assert code == 2
    assert f"another bench is at work in {store.directory}; wait until it has ended" in output
    assert not (store.directory / "summary.json").exists()


def test_a_run_of_another_trial_is_named_and_does_not_count(tmp_path: Path) -> None:
    store = store_campaign(tmp_path / "campaign")
    first, second = sorted(store.runs.iterdir())
    first.write_bytes(second.read_bytes())
    with pytest.raises(ValueError, match=f"{first} belongs to another trial; `compare --resume"):
        store.read_run(store.read_plan().plan.trials[0])
