"""Invalid cells are measured again: which, by which trials, and what of all attempts is used."""

from __future__ import annotations

import csv
import io
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil
import pytest
from rich.console import Console

from bench.analysis.cells import summarise
from bench.analysis.live_summary import LiveSummary
from bench.analysis.validity import invalid_users
from bench.execution import campaign
from bench.execution.campaign import earlier_runs, run_campaign
from bench.execution.interruption import Interruption
from bench.execution.progress import Progress
from bench.execution.repeats import attempts
from bench.model.plan import Plan, Trial
from bench.model.run import Run
from bench.model.summary import Attempt, Summary
from bench.presentation.attempts_wording import attempts_table, measured_again
from bench.presentation.comparison_answer import remarks
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.checkout import PACKAGES
from bench.storage.distributions import read_distributions
from loadtest.ledger.result import Step
from tests.bench.made_up import ENVIRONMENT, plan, run, step, with_details

LIMIT_S = 300
USERS = (50, 100, 200)


def made_plan(strategies: Sequence[str] = ("direct",), blocks: int = 1, retries: int = 2) -> Plan:
    return msgspec.structs.replace(plan(strategies, USERS, blocks), retries=retries)


def again(of: Plan, attempt: int, *users: int) -> Trial:
    return msgspec.structs.replace(of.trials[0], attempt=attempt, users=users)


def judged(each: Run) -> list[int]:
    return invalid_users(each, 5)


def bad(users: int, missing: int = 0) -> Step:
    return step(users, reasons=["sent late"], missing=missing)


def found(of: Plan, *runs: Run) -> list[Trial]:
    return attempts(of, of.trials[0], {each.trial: each for each in runs}, judged)[1:]


def test_each_invalid_user_count_is_repeated_on_its_own() -> None:
    made = made_plan()
    first = run(made.trials[0], [bad(50), step(100), bad(200)])
    assert found(made, first) == [again(made, 2, 50), again(made, 2, 200)]
    second = run(again(made, 2, 50), [bad(50)])
    third = run(again(made, 2, 200), [step(200)])
    assert found(made, first, second, third) == [again(made, 2, 50), again(made, 2, 200), again(made, 3, 50)]
    last = run(again(made, 3, 50), [bad(50)])
    assert len(found(made, first, second, third, last)) == 3, "no more than `retries`"
    assert found(msgspec.structs.replace(made, retries=0), first) == []


def test_an_invalid_step_that_ended_the_sweep_is_repeated_with_the_rest() -> None:
    made = made_plan()
    first = run(made.trials[0], [step(50), bad(100, missing=9)], not_measured=[200])
    assert found(made, first) == [again(made, 2, 100, 200)]
    overloaded = run(again(made, 2, 100, 200), [step(100, missing=9)], not_measured=[200])
    assert found(made, first, overloaded) == [again(made, 2, 100, 200)], "a valid overload is a result"
    on = run(again(made, 2, 100, 200), [step(100), bad(200)])
    assert found(made, first, on)[1:] == [again(made, 3, 200)]


def test_what_the_swarm_lost_is_measured_again() -> None:
    """The step before it drained, so no overload ended the sweep."""
    made = made_plan()
    first = run(made.trials[0], [bad(50)], not_measured=[100, 200], problems=["the judge's process has ended"])
    assert found(made, first) == [again(made, 2, 50), again(made, 2, 100, 200)]
    assert not summary_of(made, first).valid
    once_more = [run(again(made, 2, 50), [step(50)]), run(again(made, 2, 100, 200), [step(100), step(200)])]
    assert len(found(made, first, *once_more)) == 2
    assert summary_of(made, first, *once_more).valid


def test_results_and_failed_trials_are_not_repeated() -> None:
    made = made_plan()
    lossy = [step(50), step(100, missing=9, rate_factor=0.9)]
    assert found(made, run(made.trials[0], lossy, not_measured=[200])) == []
    assert found(made, run(made.trials[0], [bad(50)], failure="the server was killed")) == []
    assert found(made) == []


def summary_of(made: Plan, *runs: Run) -> Summary:
    return summarise(made, ENVIRONMENT, runs)


def test_the_first_valid_attempt_is_the_cell_and_all_are_listed() -> None:
    made = made_plan()
    first = run(made.trials[0], [bad(50), step(100), bad(200)])
    runs = [
        first,
        run(again(made, 2, 50), [bad(50)]),
        run(again(made, 2, 200), [bad(200)]),
        run(again(made, 3, 50), [step(50, p50=3)]),
        run(again(made, 3, 200), [bad(200)]),
    ]
    summary = summary_of(made, *runs)
    assert [(cell.users, cell.attempt, cell.valid) for cell in summary.cells] == [
        (50, 3, True),
        (100, 1, True),
        (200, 1, False),
    ]
    assert summary.attempts[:3] == [
        Attempt("direct", 50, 1, 1, False, ["sent late"]),
        Attempt("direct", 50, 1, 2, False, ["sent late"]),
        Attempt("direct", 50, 1, 3, True, []),
    ]
    assert len(summary.attempts) == 6
    said = "2 cells were invalid and measured again: 1 valid at attempt 3 and 1 still invalid after 2 repeats at most"
    assert measured_again(summary) == said
    assert remarks(summary)[0] == said
    assert [row.cells[3:5] for row in attempts_table(summary).rows] == [
        ("1", "no"),
        ("2", "no"),
        ("3", "yes"),
        ("1", "yes"),
        ("2", "no"),
        ("3", "no"),
    ]
    assert measured_again(summary_of(made, run(made.trials[0], [bad(50)]))) is None


def test_what_no_attempt_measured_has_the_reason_of_the_last() -> None:
    made = made_plan()
    first = run(made.trials[0], [step(50), bad(100, missing=9)], not_measured=[200])
    failed = run(again(made, 2, 100, 200), None, failure="the server did not start")
    summary = summary_of(made, first, failed)
    assert [(gap.users, gap.reason) for gap in summary.not_measured] == [(200, "the server did not start")]
    assert [(failure.attempt, failure.reason) for failure in summary.failures] == [(2, "the server did not start")]
    assert summary_of(made, first, run(again(made, 2, 100, 200), [step(100), step(200)])).valid


def test_files_hold_the_attempt_that_is_used(tmp_path: Path) -> None:
    made = made_plan()
    store = CampaignFolder(tmp_path / "campaign")
    store.create()
    late = with_details(bad(100), [90_000])
    runs = [
        run(made.trials[0], [with_details(step(50), [1_000]), late, with_details(step(200), [2_000])]),
        run(again(made, 2, 100), [with_details(step(100, p50=3), [3_000] * 2)]),
    ]
    live = LiveSummary(made, ENVIRONMENT, store)
    for each in runs:
        store.write_run(each)
        store.write_percentiles(each)
    live.update(runs)
    spectra = {
        each.users: each.latency_ms[-1] for each in read_distributions(store.directory, live.summary.cells).spectra
    }
    assert spectra == pytest.approx({50: 1, 100: 3, 200: 2}, rel=0.01)
    with (store.directory / "timeline.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3 * 2
    assert {path.name for path in store.runs.iterdir()} == {"block1-direct.json", "block1-direct.attempt2-100.json"}
    assert earlier_runs(made, store, Console(file=io.StringIO())) == runs
    (store.runs / "block1-direct.attempt2-100.json").write_text("{")
    reported = io.StringIO()
    assert earlier_runs(made, store, Console(file=reported, width=500)) == runs[:1]
    assert "attempt2-100.json is damaged" in reported.getvalue()


class MadeUpTrials:
    """Takes the place of trial runs: the first two attempts at 100 users are invalid."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.names: list[str] = []
        self.interruption = Interruption()
        self.interrupt_at = interrupt_at

    def __call__(self, trial: Trial, *_: object, **__: object) -> MadeUpTrials:
        self.trial = trial
        return self

    def run(self) -> Run:
        trial = self.trial
        self.names.append(trial.name)
        if len(self.names) == self.interrupt_at:
            self.interruption.signal_name = "SIGINT"
            return run(trial, None, failure="interrupted by SIGINT")
        is_bad = trial.arm.label == "direct" and trial.attempt < 3
        steps = [bad(users) if users == 100 and is_bad else step(users) for users in trial.users or USERS]
        return run(trial, [with_details(each, [1_000]) for each in steps])


@pytest.mark.long
@pytest.mark.parametrize("interrupt_at", [None, *range(1, 9)])
def test_repeats_end_their_block_and_are_resumed(
    interrupt_at: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_plan(["direct", "queue"], blocks=2)
    store = CampaignFolder(tmp_path / "campaign")
    store.create()
    live, ran = LiveSummary(made, ENVIRONMENT, store), list[str]()
    for at in (interrupt_at, None) if interrupt_at else (None,):
        trials = MadeUpTrials(at)
        monkeypatch.setattr(campaign, "TrialRunner", trials)
        quiet = Console(file=io.StringIO())
        earlier = earlier_runs(made, store, quiet)
        left = run_campaign(
            made,
            ENVIRONMENT,
            store,
            trials.interruption,
            quiet,
            earlier,
            on_runs=live.update,
            invalid_users=judged,
        )
        assert bool(left) == bool(at)
        ran += trials.names[:-1] if at else trials.names
    expected = [
        name
        for block in (1, 2)
        for name in (
            *(trial.name for trial in made.trials if trial.block == block),
            f"block{block}-direct.attempt2-100",
            f"block{block}-direct.attempt3-100",
        )
    ]
    assert ran == expected, "nothing twice, and nothing left out"
    assert live.summary.valid
    assert len(live.summary.cells) == 2 * 2 * len(USERS)
    assert len(live.summary.attempts) == 2 * 3
    assert [cell.attempt for cell in live.summary.cells].count(3) == 2


def test_a_repeat_is_shown_with_the_time_it_takes() -> None:
    made, printed, now_s = made_plan(["direct", "queue"], blocks=2), io.StringIO(), [0.0]
    shown = Progress(made.workload, made.trials, Console(file=printed, width=200), lambda: now_s[0])
    whole_s = made.workload.trial_seconds()
    repeat = again(made, 2, 100)
    alone_s = repeat.workload_in(made.workload).trial_seconds()
    assert alone_s < whole_s / 2
    shown.show(made.trials[0], 0)
    now_s[0] = whole_s
    shown.show(made.trials[1], 0)
    shown.add([repeat])
    shown.add([repeat])
    assert shown.left_s() == pytest.approx(3 * whole_s + alone_s)
    now_s[0] += whole_s
    shown.show(repeat, 0)
    assert printed.getvalue().splitlines()[-1].startswith(f"[3/5] {repeat.name}: 100 users, about ")
    now_s[0] += alone_s
    shown.show(made.trials[2], 0)
    assert shown.left_s() == pytest.approx(2 * whole_s), "a repeat says nothing of how long a sweep takes"


def stutter(bench: subprocess.Popen[str], store: CampaignFolder) -> None:
    """Stop and continue the first attempt's swarm until its window has been judged."""
    log, result = store.logs / "block1-direct.swarm.log", store.logs / "block1-direct.swarm.json"
    deadline = time.monotonic() + LIMIT_S
    while not (log.exists() and "window 0" in log.read_text()):
        assert bench.poll() is None, bench.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (swarm,) = [each for each in psutil.Process(bench.pid).children() if "locust" in each.cmdline()]
    while (
        time.monotonic() < deadline and swarm.is_running() and not (result.exists() and b"users" in result.read_bytes())
    ):
        swarm.send_signal(signal.SIGSTOP)
        time.sleep(0.08)
        swarm.send_signal(signal.SIGCONT)
        time.sleep(0.02)


@pytest.mark.long
def test_a_swarm_that_was_held_up_is_run_again(tmp_path: Path) -> None:
    store = CampaignFolder(tmp_path / "campaign")
    flags = ("--strategies", "direct", "--users", "2", "--duration", "3", "--warmup", "0.1", "--drain", "3")
    bench = subprocess.Popen(
        [sys.executable, "-m", "bench", "compare", *flags, "--out", str(store.directory)],
        cwd=PACKAGES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        stutter(bench, store)
        output, _ = bench.communicate(timeout=LIMIT_S)
    finally:
        bench.kill()
        bench.wait()
    summary, runs = store.read_summary(), store.read_runs()
    assert summary.plan.retries == 2
    assert [each.trial.attempt for each in runs] == list(range(1, len(runs) + 1))
    assert len(runs) in {2, 3}, output
    first, *others = summary.attempts
    assert not first.valid
    assert [each.attempt for each in others] == list(range(2, len(runs) + 1))
    (cell,) = summary.cells
    valid = [each.attempt for each in summary.attempts if each.valid]
    assert cell.attempt == (valid[0] if valid else 1)
    assert "1 cell was invalid and measured again" in output
    assert (store.hgrm / "block1-direct.attempt2-2.hgrm").exists()
    assert bench.returncode == (0 if valid else 3), output
    planned = {each.planned_messages for run in runs for each in run.steps}
    assert len(planned) == 1, "all have the schedule of their block"
