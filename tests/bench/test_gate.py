"""The gate: what passes, fails, is refused or stays undecided."""

from __future__ import annotations

import itertools
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from bench.analysis.cells import summarise
from bench.analysis.unpaired_tests import blocks_needed, p_larger, shift, smallest_p
from bench.commands.gate import gate
from bench.gate.check import Check, Outcome
from bench.gate.slo import parse_slo
from bench.model.environment import Environment, Pinning
from bench.model.plan import Plan, make_plan
from bench.model.revision import Revision, revision_name
from bench.model.run import Run
from bench.model.summary import Summary
from bench.presentation.gate_answer import gate_in_markdown
from bench.storage.campaign_folder import CampaignFolder
from tests.bench.command import subcommand_named
from tests.bench.made_up import ENVIRONMENT, latency, plan, run, step, workload

ROOT = Path(__file__).parents[2]
USERS = (50, 100)
BLOCKS = 6

Use = Callable[..., tuple[int, str]]


def runs(of: Plan, slower: float = 1.0, seed: int = 1) -> list[Run]:
    """Make the runs of a plan, `slower` times as slow, with noise of 3 % a block."""
    noise = np.random.default_rng(seed)
    return [
        run(trial, [step(users, p50=users / 50 * slower * noise.lognormal(0, 0.03)) for users in of.workload.users])
        for trial in of.trials
    ]


def campaign(
    slower: float = 1.0,
    seed: int = 1,
    blocks: int = BLOCKS,
    environment: Environment = ENVIRONMENT,
    strategies: Sequence[str] = ("direct", "queue"),
    users: Sequence[int] = USERS,
) -> Summary:
    made = plan(strategies, users, blocks)
    return summarise(made, environment, runs(made, slower, seed))


@pytest.fixture
def use(tmp_path: Path) -> Use:
    """Run the gate on summaries, each stored in a folder of its own first."""

    def invoke(now: Summary, *words: str | Path | Summary) -> tuple[int, str]:
        folders = itertools.count()

        def stored(word: str | Path | Summary) -> str:
            if not isinstance(word, Summary):
                return str(word)
            folder = tmp_path / f"campaign-{next(folders)}"
            folder.mkdir(exist_ok=True)
            CampaignFolder(folder).write_summary(word)
            return str(folder)

        result = CliRunner().invoke(gate, [stored(word) for word in (now, *words)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, result.output

    return invoke


def test_an_equal_campaign_passes(use: Use) -> None:
    code, output = use(campaign(seed=2), "--baseline", campaign())
    assert code == 0, output
    assert "Gate passed: 4 passed." in output


def test_a_campaign_worse_than_allowed_fails_with_place_and_ratio(use: Use) -> None:
    code, output = use(campaign(slower=1.3, seed=2), "--baseline", campaign(), "--max-regression", "10%")
    assert code == 1
    assert "Gate failed: 4 failed." in output
    reason = re.search(r"\*\*queue, 100 users, p99 at most 10 % worse\*\*: (.*) ms, now (.*) ms: (.*) times", output)
    assert reason
    old, now, ratio = map(float, reason.groups())
    assert ratio == pytest.approx(1.3, rel=0.05)
    assert now / old == pytest.approx(1.3, rel=0.05)


def test_a_regression_within_the_allowance_passes(use: Use) -> None:
    assert use(campaign(slower=1.3, seed=2), "--baseline", campaign(), "--max-regression", "50%")[0] == 0


def test_a_comparison_of_two_campaigns_warns_how_often_it_fails_unchanged_code(use: Use) -> None:
    output = use(campaign(seed=2), "--baseline", campaign())[1]
    assert "Warning: the two campaigns were run at different times. If machine drift between campaigns is 5 %" in output
    assert "fails 20 % of unchanged code, at 10 % 34 %" in output
    assert "Warning" not in use(campaign(), "--slo", "p99<50ms")[1]


def test_an_improvement_passes(use: Use) -> None:
    assert use(campaign(slower=0.5), "--baseline", campaign())[0] == 0


def test_noise_alone_does_not_fail(use: Use) -> None:
    """One block of six is three times as slow: its mean is outside the allowance, but that may be chance."""
    made = plan(["direct"], [50], BLOCKS)
    noisy = runs(made, seed=2)
    noisy[0] = run(made.trials[0], [step(50, p50=3)])
    now = summarise(made, ENVIRONMENT, noisy)
    assert use(now, "--baseline", campaign(strategies=["direct"], users=[50]))[0] == 0


def test_lower_throughput_is_worse(use: Use) -> None:
    made = plan(["direct"], [50], BLOCKS)
    lower = summarise(made, ENVIRONMENT, [run(trial, [step(50, rate_factor=0.7)]) for trial in made.trials])
    higher = campaign(strategies=["direct"], users=[50])
    words = ("--metric", "deliveries_per_s", "--baseline")
    code, output = use(lower, *words, higher)
    assert code == 1
    assert "5,000 /s, now 3,500 /s: 0.70 times (0.70 to 0.70)" in output
    assert use(higher, *words, lower)[0] == 0


def test_a_user_count_that_is_no_longer_reached_is_worse(use: Use) -> None:
    made = plan(["direct"], USERS, BLOCKS)
    overloaded = [run(trial, [step(50, missing=2000)], not_measured=[100]) for trial in made.trials]
    code, output = use(summarise(made, ENVIRONMENT, overloaded), "--baseline", campaign(strategies=["direct"]))
    assert code == 1
    assert "Gate failed: 2 failed." in output
    assert "now never: inf times" in output


@pytest.mark.parametrize("blocks", [1, 2])
def test_too_few_blocks_are_undecided_and_do_not_pass(use: Use, blocks: int) -> None:
    code, output = use(campaign(blocks=blocks), "--baseline", campaign(blocks=blocks))
    assert code == 3
    assert "Gate undecided: 4 undecided." in output
    assert f"{blocks} blocks then and {blocks} now are too few to find anything among 4 comparisons" in output
    assert "5 each are needed" in output


def test_the_reported_number_of_blocks_is_enough_and_minimal(use: Use) -> None:
    for blocks, code in ((4, 3), (5, 1)):
        assert use(campaign(slower=2, blocks=blocks), "--baseline", campaign(blocks=blocks))[0] == code


@pytest.mark.parametrize(("valid", "message"), [(1, "1 failed, 1 undecided"), (2, "2 failed")])
def test_each_comparison_needs_blocks_of_its_own(use: Use, valid: int, message: str) -> None:
    """With one strategy decided, 2 blocks of now against 6 are enough for the other, by Holm's method, and 1 is not."""
    made = plan(["direct", "queue"], [50], BLOCKS)
    slow = []
    for trial in made.trials:
        is_invalid = trial.arm.label == "queue" and trial.block > valid
        slow.append(run(trial, [step(50, p50=3, reasons=["sent late"] * is_invalid)]))
    code, output = use(summarise(made, ENVIRONMENT, slow), "--baseline", campaign(users=[50]))
    assert code == 1
    assert f"Gate failed: {message}." in output


def test_an_invalid_new_block_does_not_count_and_prevents_passing(use: Use) -> None:
    made = plan(["direct"], [50], BLOCKS)
    invalid = runs(made)
    invalid[0] = run(made.trials[0], [step(50, p50=90, reasons=["sent late; use a quiet machine"])])
    now, baseline = summarise(made, ENVIRONMENT, invalid), campaign(strategies=["direct"], users=[50])
    code, output = use(now, "--baseline", baseline)
    assert code == 3
    assert "now: block 1 is invalid: sent late; use a quiet machine" in output
    invalid[1:] = [run(trial, [step(50, p50=9, reasons=["sent late"])]) for trial in made.trials[1:]]
    code, output = use(summarise(made, ENVIRONMENT, invalid), "--baseline", baseline)
    assert code == 3
    assert "6 blocks then and 0 now are too few" in output


def test_an_slo_must_be_met_in_every_block(use: Use) -> None:
    assert use(campaign(), "--slo", "p99<50ms", "--slo", "missing==0")[0] == 0
    made = plan(["direct"], [50], BLOCKS)
    one_slow = runs(made)
    one_slow[3] = run(made.trials[3], [step(50, p50=20)])
    code, output = use(summarise(made, ENVIRONMENT, one_slow), "--slo", "p99<50ms")
    assert code == 1
    assert "`p99<50ms`**: 80 ms in 1 of 6 blocks" in output


def test_missing_deliveries_fail_both_slos(use: Use) -> None:
    made = plan(["direct"], [50])
    now = summarise(made, ENVIRONMENT, [run(made.trials[0], [step(50, missing=2500)])])
    code, output = use(now, "--slo", "missing==0", "--slo", "p99<1s")
    assert code == 1
    assert "2,500 in 1 of 1 blocks" in output
    assert "never in 1 of 1 blocks" in output


def test_an_slo_on_an_unknown_or_invalid_figure_is_undecided(use: Use) -> None:
    made = plan(["direct"], [50])
    invalid = summarise(made, ENVIRONMENT, [run(made.trials[0], [step(50, reasons=["too few users"])])])
    code, output = use(invalid, "--slo", "p99<50ms")
    assert code == 3
    assert "block 1 is invalid: too few users" in output
    code, output = use(campaign(), "--slo", "loop_lag_p99<5ms")
    assert code == 3
    assert "block 1 has no such figure" in output
    shorter = msgspec.structs.replace(step(50), window_s=3.2)
    cut = summarise(made, ENVIRONMENT, [run(made.trials[0], [shorter], failure="interrupted by SIGINT")])
    code, output = use(cut, "--slo", "p99<50ms")
    assert code == 3
    assert (
        "block 1 is invalid: the window was cut short after 3.2 of 5 s: interrupted by SIGINT; run it again" in output
    )
    unfinished = summarise(plan(["direct"], [50]), ENVIRONMENT, [])
    code, output = use(unfinished, "--slo", "p99<50ms")
    assert code == 3
    assert "block 1 was not measured: the campaign ended before this trial" in output


def test_an_slo_fails_in_a_saturated_block_whatever_its_latency(use: Use) -> None:
    made = plan(["direct"], [50])
    now = summarise(made, ENVIRONMENT, [run(made.trials[0], [step(50, rate_factor=0.9)])])
    code, output = use(now, "--slo", "p99<50ms", "--slo", "last_receiver_p99<1s")
    assert code == 1
    assert output.count("never in 1 of 1 blocks") == 2


def test_a_bracket_across_the_bound_is_undecided(use: Use) -> None:
    """The p99 of the made-up step is 8 ms."""
    made = plan(["direct"], [50])
    wide = msgspec.structs.replace(step(50), latency_lower_ms=latency(1.0))
    now = summarise(made, ENVIRONMENT, [run(made.trials[0], [wide])])
    assert use(now, "--slo", "p99<9ms")[0] == 0
    code, output = use(now, "--slo", "p99<6ms")
    assert code == 3
    assert "block 1 has a p99 between 4 ms and 8 ms" in output
    assert use(now, "--slo", "p99<3ms")[0] == 1


def test_what_the_swarm_lost_is_undecided_and_not_the_worst(use: Use) -> None:
    """A user count after one that drained was not left out because of overload."""
    made = plan(["direct"], [50, 100])
    lost = run(made.trials[0], [step(50)], not_measured=[100], problems=["the judge's process has ended"])
    now = summarise(made, ENVIRONMENT, [lost])
    assert not now.valid
    code, output = use(now, "--slo", "p99<50ms", "--users", "100")
    assert code == 3
    assert "block 1 was not measured: the judge's process has ended" in output


def test_percentiles_that_windows_do_not_carry_are_told(use: Use) -> None:
    output = use(campaign(), "--slo", "p99.9<50ms", "--slo", "p50<50ms")[1]
    assert "p99.9 needs 10,000" in output
    assert "p50 needs" not in output


def test_a_failure_outweighs_an_undecided_check(use: Use) -> None:
    assert use(campaign(), "--slo", "loop_lag_p99<5ms", "--slo", "p99<1us")[0] == 1


def test_a_part_of_the_campaign_can_be_checked_alone(use: Use) -> None:
    code, output = use(campaign(), "--slo", "p99<6ms", "--strategies", "queue", "--users", "50")
    assert code == 0
    assert "1 passed" in output
    assert use(campaign(), "--slo", "p99<6ms")[0] == 1


@pytest.mark.parametrize(
    ("differing", "message"),
    [
        ({"cpu": "Another CPU"}, "cpu: Example CPU 3.0 GHz, now Another CPU"),
        ({"cores": 8}, "cores: 2, now 8"),
        ({"pinning": Pinning()}, "cores of the server: 0, now any"),
    ],
)
def test_a_baseline_from_another_machine_is_refused_unless_allowed(
    use: Use, differing: dict[str, Any], message: str
) -> None:
    now = campaign(environment=msgspec.structs.replace(ENVIRONMENT, **differing))
    code, output = use(now, "--baseline", campaign())
    assert code == 2
    assert message in output
    code, output = use(now, "--baseline", campaign(), "--allow-different-machine")
    assert code == 0
    assert f"- Another machine: {message}" in output


def test_a_baseline_of_another_load_is_refused_unless_allowed(use: Use) -> None:
    of_another_load = msgspec.structs.replace(
        plan(["direct", "queue"], USERS, BLOCKS), workload=msgspec.structs.replace(workload(USERS), room_rate=20)
    )
    baseline = summarise(of_another_load, ENVIRONMENT, runs(of_another_load))
    code, output = use(campaign(), "--baseline", baseline)
    assert code == 2
    assert "room_rate: 20.0, now 100.0" in output
    assert use(campaign(), "--baseline", baseline, "--allow-different-plan")[0] == 0


def test_with_a_smaller_baseline_only_the_common_part_is_compared(use: Use) -> None:
    smaller = campaign(strategies=["direct"], users=[50])
    code, output = use(campaign(), "--baseline", smaller)
    assert code == 2
    assert "the baseline has no direct with 100 users, queue with 50 users and queue with 100 users" in output
    code, output = use(campaign(), "--baseline", smaller, "--allow-different-plan")
    assert code == 0
    assert "Gate passed: 1 passed." in output
    code, output = use(campaign(), "--baseline", smaller, "--allow-different-plan", "--strategies", "queue")
    assert code == 2
    assert "nothing to compare" in output


def test_another_version_is_reported_but_not_refused(use: Use) -> None:
    newer = msgspec.structs.replace(ENVIRONMENT, versions=ENVIRONMENT.versions | {"uvicorn": "0.99"})
    code, output = use(campaign(environment=newer), "--baseline", campaign())
    assert code == 0
    assert "- Another version: uvicorn: 0.54.0, now 0.99" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to check the campaign against; give --slo, --against or --baseline"),
        (["--slo", "fast"], "invalid SLO 'fast'; write a measure, one of <= >= == < >, and a number: p99<50ms"),
        (["--slo", "p98<5"], "there is no measure 'p98'; choose from p50, p90, p99,"),
        (["--slo", "p99<5MiB"], "p99 is not measured in 'MiB'; give it in us, ms, s"),
        (["--slo", "missing<5%"], "missing is not measured in '%'; it is a count, give no unit"),
        (
            ["--slo", "p99<5", "--max-regression", "5%"],
            "--max-regression needs something to compare with; give --against or --baseline",
        ),
        (["--baseline", ".", "--max-regression", "5"], "invalid share '5'; write it in percent, such as 10%"),
        (["--slo", "p99<5", "--users", "77"], "the campaign has no direct with 77 users and queue with 77 users"),
        (["--slo", "p99<5", "--strategies", "fast"], "it has direct and queue with 50 and 100 users"),
        (["--baseline", ".", "--metric", "missing"], "'missing' is not one of 'p50'"),
        (
            ["--baseline", "."],
            "cannot read summary.json: No such file or directory; give a folder that `compare` wrote",
        ),
    ],
)
def test_invalid_options_are_refused_with_what_is_allowed(
    use: Use, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = use(campaign(), *words)
    assert code == 2
    assert message in " ".join(output.split())


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("p99<50", 50),
        ("p99 <= 0.5s", 500),
        ("max<200us", 0.2),
        ("rss_mib<1GiB", 1024),
        ("late<1", 1),
        ("p99<5e1ms", 50),
    ],
)
def test_bounds_are_in_the_measures_own_unit(text: str, bound: float) -> None:
    assert parse_slo(text).bound == pytest.approx(bound)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
)
def test_the_p_value_counts_every_choice_of_new_values(old: list[int], new: list[int]) -> None:
    everything = [*old, *new]
    ranks = [2 * sum(other < each for other in everything) + everything.count(each) + 1 for each in everything]
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(new))]
    as_large = sum(each >= sum(ranks[len(old) :]) for each in sums)
    assert p_larger(np.array(old, float), np.array(new, float)) == pytest.approx(as_large / len(sums))


def test_the_p_value_agrees_with_scipy() -> None:
    random = np.random.default_rng(1)
    old, new = random.lognormal(size=10), random.lognormal(0.5, size=8)
    expected = mannwhitneyu(new, old, alternative="greater", method="exact").pvalue
    assert p_larger(old, new) == pytest.approx(expected)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=8), st.lists(st.floats(-3, 3), min_size=3, max_size=8))
def test_the_interval_is_above_0_only_where_the_test_is_significant(old: list[float], new: list[float]) -> None:
    old_values, new_values = np.array(old), np.array(new)
    moved = shift(old_values, new_values)
    assert moved.low <= moved.centre <= moved.high
    if moved.low > 0:
        assert p_larger(old_values, new_values) <= 0.05


def test_a_shift_between_infinite_values_is_unknown() -> None:
    never = np.full(4, math.inf)
    moved = shift(never, never)
    assert math.isnan(moved.centre)
    assert (moved.low, moved.high) == (-math.inf, math.inf)
    assert shift(np.zeros(4), never).centre == math.inf


def test_two_infinite_medians_have_no_ratio_and_flags_may_repeat(use: Use) -> None:
    made = plan(["direct"], [50], blocks=4)
    lossy = summarise(made, ENVIRONMENT, [run(trial, [step(50, missing=2_500)]) for trial in made.trials])
    once = use(lossy, "--baseline", lossy)
    assert "never, now never: the ratio is unknown, adjusted p 1" in once[1]
    twice = ("--metric", "p99", "--metric", "p99", "--strategies", "direct,direct")
    assert use(lossy, "--baseline", lossy, *twice) == once


@given(st.integers(1, 60))
def test_the_blocks_needed_are_the_fewest_that_can_find_anything(family: int) -> None:
    blocks = blocks_needed(family)
    assert family * smallest_p(blocks, blocks) <= 0.05 < family * smallest_p(blocks - 1, blocks - 1)


def test_the_documented_comparisons_per_number_of_blocks_are_right() -> None:
    text = " ".join((ROOT / "docs" / "ci.md").read_text().split())
    documented = re.search(
        r"3 blocks in each campaign are enough for 1 comparison, 4 for (\d+), 5 for (\d+), 6 for (\d+)\.", text
    )
    assert documented
    for blocks, family in enumerate(map(int, documented.groups()), start=4):
        assert blocks_needed(family) == blocks == blocks_needed(family + 1) - 1


def found(noise: float, blocks: int) -> float:
    """Return how often, in percent, a slowdown of 20 % in one of 4 places is found, 10 % being allowed."""
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(500):
        old, new = random.normal(0, noise, blocks), random.normal(math.log(1.2), noise, blocks)
        hits += p_larger(old, new) <= 0.05 / 4 and shift(old, new).centre > math.log(1.1)
    return hits / 5


def test_the_documented_power_is_right() -> None:
    text = (ROOT / "docs" / "ci.md").read_text()
    rows = re.findall(r"^\| (\d+)% \| (\d+)% \| (\d+)% \| (\d+)% \|$", text, re.MULTILINE)
    assert len(rows) == 3
    for noise, *documented in rows:
        for blocks, percent in zip((6, 10, 15), documented, strict=True):
            assert found(int(noise) / 100, blocks) == pytest.approx(int(percent), abs=2)


def test_equal_campaigns_rarely_fail() -> None:
    """Of 400 pairs of equal campaigns, with noise of 20 %, at most 5 % may be found worse in any of 4 places."""
    random = np.random.default_rng(1)
    least = 0.05 / 4
    false = sum(any(p_larger(*random.normal(0, 0.2, (2, BLOCKS))) <= least for _ in range(4)) for _ in range(400))
    assert false / 400 <= 0.065


def test_html_and_column_separators_are_escaped_for_job_summaries() -> None:
    failed = Check(Outcome.FAILED, "direct", 50, "`p99<50ms`", "60 ms | 70 ms", "a <b> & c")
    passed = Check(Outcome.PASSED, "queue", 50, "`p99<50ms`", "4 ms", "")
    assert gate_in_markdown([failed], []) == (
        "### Gate failed: 1 failed.\n\n"
        "- **direct, 50 users, `p99<50ms`**: a &lt;b&gt; &amp; c\n\n"
        "| | strategy | users | must hold | found |\n|---|---|---:|---|---|\n"
        "| :x: **failed** | direct | 50 | `p99<50ms` | 60 ms \\| 70 ms |\n"
    )
    assert "\n\n\n" not in gate_in_markdown([passed], ["<remark>"])
    assert gate_in_markdown([passed], ["<remark>"]).endswith("\n\n- &lt;remark&gt;\n")


class TestWorkflow:
    """The example of docs/ci.md works as described."""

    BASE = "24efd9faae0111ec28ec3537f45c66d2b6690503"
    steps = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)[0])[
        "jobs"
    ]["gate"]["steps"]

    def script(self, name: str) -> str:
        return next(str(step["run"]) for step in self.steps if step.get("name") == name)

    def flag(self, name: str) -> str:
        found = re.search(rf"--{name} (\S+)", self.script("measure"))
        assert found
        return found[1]

    @pytest.mark.long
    @pytest.mark.parametrize(("slower", "expected"), [(1.0, 0), (1.5, 1)])
    def test_the_workflows_gate_decides_on_campaigns_of_its_size(
        self, slower: float, expected: int, tmp_path: Path
    ) -> None:
        folder = tmp_path / "results" / "change"
        folder.mkdir(parents=True)
        users = [int(word) for word in self.flag("users").split(",")]
        revisions = [Revision(revision_name(given), given) for given in (self.BASE, "HEAD")]
        made = make_plan(
            workload(users), self.flag("strategies").split(","), int(self.flag("blocks")), 50, 1, revisions=revisions
        )
        CampaignFolder(folder).write_summary(summarise(made, ENVIRONMENT, revised(made, slower / 4)))
        page = tmp_path / "summary.md"
        outcome = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.script("gate")],
            cwd=tmp_path,
            env=os.environ
            | {
                "GITHUB_STEP_SUMMARY": str(page),
                "BASE": self.BASE,
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
        )
        assert outcome.returncode == expected, outcome.stderr
        assert page.read_text().startswith(f"### Gate {'failed' if expected else 'passed'}")


def revised(of: Plan, slower: float) -> list[Run]:
    """Make runs in which only what is at HEAD is slower, than a quarter of what others take."""
    noise = np.random.default_rng(1)
    return [
        run(
            trial,
            [
                step(
                    count, p50=count / 50 * (slower if "@HEAD" in trial.arm.label else 1 / 4) * noise.lognormal(0, 0.02)
                )
                for count in of.workload.users
            ],
        )
        for trial in of.trials
    ]


def test_the_commands_of_the_page_are_accepted() -> None:
    """Each is read by the command line itself, with HEAD in the place of the revisions it names."""
    text = (ROOT / "docs" / "ci.md").read_text().replace("\\\n", " ")
    commands = re.findall(r"python -m bench ((?:compare|gate) (?!DIR)[^`\n#|>]*(?:HEAD#\d[^`\n#|>]*)*)", text)
    assert len(commands) >= 6
    for command in commands:
        words = shlex.split(re.sub(r'"?\$(BASE|SLOWER)"?|\bmain\b', "HEAD", command))
        words = [str(ROOT) if word.startswith("results/") else word for word in words]
        subcommand_named(words[0]).make_context(words[0], words[1:])
