"""The gate within one campaign: one variant against another, block by block."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from bench.analysis.cells import summarise
from bench.analysis.paired_tests import estimate, p_above, p_value
from bench.commands.gate import gate
from bench.gate.between_campaigns import BetweenCampaigns
from bench.gate.within_campaign import WithinCampaign, blocks_needed
from bench.model.plan import Plan, make_plan, peer_arms
from bench.model.revision import Revision
from bench.model.run import Run
from bench.model.summary import Summary
from bench.presentation.gate_answer import FALSE_ALARMS
from bench.validation.gate_simulation import Change, failed
from bench.validation.simulated_tables import read_simulation
from loadtest.ledger.result import Step
from tests.bench.made_up import ENVIRONMENT, latency, run, step, workload

ROOT = Path(__file__).parents[2]
BLOCKS = 10
MAIN_AND_HEAD = (Revision("main", "1" * 40), Revision("HEAD", "2" * 40))

Make = Callable[[str, int, int], Step | None]


def revised(strategies: Sequence[str] = ("direct",), users: Sequence[int] = (50,), blocks: int = BLOCKS) -> Plan:
    return make_plan(workload(users), strategies, blocks, 50, 1, revisions=MAIN_AND_HEAD)


def campaign(plan: Plan, make: Make) -> Summary:
    """Make a campaign of the steps that `make` gives for a label, a block and a user count; `None` is overload."""
    runs: list[Run] = []
    for trial in plan.trials:
        counts = plan.workload.users
        steps = [made for users in counts if (made := make(trial.arm.label, trial.block, users))]
        runs.append(run(trial, steps, not_measured=counts[len(steps) :]))
    return summarise(plan, ENVIRONMENT, runs)


def drifting(factor: float, scatter: float = 0.01, slow: str = "@HEAD") -> Make:
    """Make labels with `slow` in them `factor` times as slow, on a machine whose speed triples over the blocks."""
    noise = np.random.default_rng(1)

    def make(label: str, block: int, users: int) -> Step:
        machine = users / 50 * 3 ** (block / BLOCKS)
        return step(users, p50=machine * noise.lognormal(0, scatter) * (factor if slow in label else 1))

    return make


@pytest.fixture
def use(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    def invoke(summary: Summary, *words: str) -> tuple[int, str]:
        (tmp_path / "summary.json").write_bytes(msgspec.json.encode(summary))
        result = CliRunner().invoke(gate, [str(tmp_path), *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, result.output

    return invoke


Use = Callable[..., tuple[int, str]]
CHANGE = ("--variant", "HEAD", "--against", "main")


def test_a_regression_of_ten_per_cent_is_found_on_a_machine_that_drifts(use: Use) -> None:
    plan = revised(("direct", "queue"), (50, 100))
    code, output = use(campaign(plan, drifting(1.1)), *CHANGE)
    assert code == 1
    assert "Gate failed: 4 failed." in output
    ratio = re.search(
        r"queue@HEAD, 100 users, p99 at most 5 % worse\*\*: .* now .*: (.*) times \((.*) to (.*)\)", output
    )
    assert ratio
    centre, low, high = map(float, ratio.groups())
    assert 1.05 < low <= centre <= high
    assert centre == pytest.approx(1.1, rel=0.02)
    assert "- direct@HEAD is compared with direct@main" in output


def test_unchanged_code_passes_on_the_same_machine(use: Use) -> None:
    code, output = use(campaign(revised(("direct", "queue"), (50, 100)), drifting(1)), *CHANGE)
    assert code == 0, output
    assert "Gate passed: 4 passed." in output
    assert "Warning" not in output


def test_the_test_is_against_the_allowance_and_not_an_estimate_beyond_it(use: Use) -> None:
    """A regression is certain where every block has one; that it is beyond 5 % is not, where half of them are below."""

    def unsteady(label: str, block: int, users: int) -> Step:
        slower = 1.02 + 0.001 * block if block % 2 else 1.14 + 0.001 * block
        return step(users, p50=slower if "HEAD" in label else 1)

    made = campaign(revised(), unsteady)
    code, output = use(made, *CHANGE)
    ratio = re.search(r": (\d\.\d+) times", output)
    assert ratio
    assert float(ratio[1]) > 1.05
    assert code == 0
    assert use(made, *CHANGE, "--max-regression", "0%")[0] == 1
    assert use(campaign(revised(), drifting(1.08)), *CHANGE)[0] == 1


def test_an_improvement_passes_and_lower_throughput_does_not(use: Use) -> None:
    assert use(campaign(revised(), drifting(0.5)), *CHANGE)[0] == 0

    def lower(label: str, block: int, users: int) -> Step:
        return step(users, rate_factor=(0.7 if "HEAD" in label else 1) * (1 + block / 1000))

    code, output = use(campaign(revised(), lower), *CHANGE, "--metric", "deliveries_per_s")
    assert code == 1
    assert ": 0.70 times (0.70 to 0.70)" in output


@pytest.mark.parametrize(("blocks", "code"), [(4, 3), (5, 1)])
def test_too_few_blocks_are_undecided(use: Use, blocks: int, code: int) -> None:
    made = campaign(revised(blocks=blocks), drifting(2))
    assert use(made, *CHANGE)[0] == code
    if code == 3:
        output = use(made, *CHANGE)[1]
        assert "4 blocks with both values are too few to find anything among 1 comparisons; 5 are needed" in output


def test_a_block_counts_only_with_both_sides_and_an_invalid_new_one_prevents_passing(use: Use) -> None:
    def invalid(label: str) -> Make:
        def make(of: str, block: int, users: int) -> Step:
            reasons = ["sent late"] if (of, block) == (label, 1) else []
            return step(users, p50=9.0 if reasons else 1 + block / 100, reasons=reasons)

        return make

    code, output = use(campaign(revised(), invalid("direct@HEAD")), *CHANGE)
    assert code == 3
    assert "now: block 1 is invalid: sent late" in output
    code, output = use(campaign(revised(), invalid("direct@main")), *CHANGE)
    assert code == 0
    assert "then: block 1 is invalid: sent late" in output
    assert "1.00 times (1.00 to 1.00)" in output


def test_the_medians_shown_are_those_of_the_pairs(use: Use) -> None:
    """A machine that was ten times as slow while only one side was valid says nothing of the change."""

    def make(label: str, block: int, users: int) -> Step:
        is_invalid = label == "direct@main" and block > 4
        return step(users, p50=10.0 if block > 4 else 1.0, reasons=["sent late"] * is_invalid)

    output = use(campaign(revised(), make), *CHANGE, "--metric", "p50")[1]
    assert "1 ms, now 1 ms: 1.00 times" in output
    none = campaign(
        revised(), lambda label, block, users: step(users, reasons=["late"] * (("main" in label) == block % 2))
    )
    code, output = use(none, *CHANGE)
    assert code == 3
    assert "0 blocks with both values are too few" in output


def test_a_user_count_that_is_no_longer_reached_is_worse(use: Use) -> None:
    def make(label: str, _block: int, users: int) -> Step | None:
        overloaded = label == "direct@HEAD"
        return None if overloaded and users > 50 else step(users, missing=2000 if overloaded else 0)

    code, output = use(campaign(revised(users=(50, 100)), make), *CHANGE)
    assert code == 1
    assert "Gate failed: 2 failed." in output
    assert "now never: inf times" in output


def test_what_is_infinite_on_both_sides_is_undecided(use: Use) -> None:
    code, output = use(campaign(revised(), lambda _label, _block, users: step(users, missing=2000)), *CHANGE)
    assert code == 3
    assert "0 blocks with both values are too few" in output
    assert "in 10 more both are infinite" in output


def test_a_change_that_saturates_the_server_fails_without_a_factor(use: Use) -> None:
    def saturating(label: str, block: int, users: int) -> Step:
        return step(users, p50=1 + block / 100, rate_factor=0.9 if "HEAD" in label else 1.0)

    code, output = use(campaign(revised(), saturating), *CHANGE)
    assert code == 1
    assert "now never: inf times (inf to inf)" in output
    code, output = use(campaign(revised(), lambda _label, _block, users: step(users, rate_factor=0.9)), *CHANGE)
    assert code == 3
    assert "in 10 more both are infinite" in output


@pytest.mark.parametrize(("low", "code"), [(0.95, 1), (0.5, 3)])
def test_a_difference_within_the_brackets_is_undecided(use: Use, low: float, code: int) -> None:
    def bracketed(label: str, block: int, users: int) -> Step:
        p50 = (1.3 if "HEAD" in label else 1) * (1 + block / 1000)
        return msgspec.structs.replace(step(users, p50=p50), latency_lower_ms=latency(low * p50))

    found, output = use(campaign(revised(), bracketed), *CHANGE)
    assert found == code
    assert ("brackets too wide to tell" in output) == (code == 3)


def test_slos_are_checked_on_the_variant_alone(use: Use) -> None:
    def slow_before(label: str, block: int, users: int) -> Step:
        return step(users, p50=(20 if "main" in label else 5) * (1 + block / 100))

    code, output = use(campaign(revised(), slow_before), *CHANGE, "--slo", "p99<50ms")
    assert code == 0, output
    assert "Gate passed: 2 passed." in output
    made = campaign(revised(), slow_before)
    assert use(made, "--variant", "main", "--against", "HEAD", "--slo", "p99<50ms")[0] == 1


def test_peers_and_single_labels_are_compared_by_their_names(use: Use) -> None:
    plan = make_plan(workload((50,)), [], BLOCKS, 50, 1, peer_arms({"old": "a {port}", "new": "b {port}"}))
    code, output = use(campaign(plan, drifting(1.1, slow="new")), "--variant", "new", "--against", "old")
    assert code == 1
    assert "- new is compared with old" in output
    both = campaign(revised(("direct", "queue")), drifting(1.5, slow="queue"))
    assert use(both, "--variant", "queue@main", "--against", "direct@main")[0] == 1
    assert use(both, "--variant", "direct@HEAD", "--against", "direct@main")[0] == 0


def test_a_part_can_be_judged_alone(use: Use) -> None:
    made = campaign(revised(("direct", "queue"), (50, 100)), drifting(1.5, slow="queue@HEAD"))
    assert use(made, *CHANGE)[0] == 1
    code, output = use(made, *CHANGE, "--strategies", "direct", "--users", "100")
    assert code == 0
    assert "Gate passed: 1 passed." in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--variant", "next", "--against", "main"),
            "the campaign has no variant 'next'; give one of direct@main, direct@HEAD",
        ),
        (("--variant", "main", "--against", "direct@main"), "'main' cannot be compared with itself"),
        (("--variant", "HEAD"), "--variant and --against belong together; give both, or neither"),
        (("--against", "main"), "--variant and --against belong together; give both, or neither"),
        ((*CHANGE, "--baseline", "."), "--against is of the same campaign, --baseline of another; give one of them"),
        ((*CHANGE, "--users", "77"), "the campaign has no 77 users; it has 50"),
        ((*CHANGE, "--strategies", "queue"), "--variant HEAD has no strategy queue; it has direct"),
    ],
)
def test_wrong_variants_are_refused_with_what_there_is(use: Use, words: tuple[str, ...], message: str) -> None:
    code, output = use(campaign(revised(), drifting(1)), *words)
    assert code == 2
    assert message in " ".join(output.split())


def test_a_strategy_without_a_partner_is_refused(use: Use) -> None:
    plan = revised(("direct", "queue"))
    code, output = use(campaign(plan, drifting(1)), "--variant", "HEAD", "--against", "direct@main")
    assert code == 2
    assert "'direct@main' has nothing to compare queue@HEAD with" in " ".join(output.split())


def test_revisions_are_found_by_what_was_given_to_compare(use: Use) -> None:
    commit = "24efd9faae0111ec28ec3537f45c66d2b6690503"
    revisions = [Revision("feature-x", "1" * 40), Revision(commit[:12], commit), Revision("HEAD#1", "3" * 40)]
    plan = make_plan(workload((50,)), ["direct"], BLOCKS, 50, 1, revisions=revisions)
    made = campaign(plan, drifting(1))
    for name in (commit, commit[:12], f"direct@{commit[:12]}", "HEAD#1"):
        code, output = use(made, "--variant", name, "--against", "feature/x")
        assert code == 0, output


hundredths = st.lists(st.integers(-300, 300).filter(bool), min_size=1, max_size=9, unique_by=abs)


@given(hundredths)
def test_the_one_sided_p_is_wilcoxons(distances: list[int]) -> None:
    values = np.array(distances) / 100
    assert p_above(values) == pytest.approx(wilcoxon(values, alternative="greater", method="exact").pvalue)
    assert min(1, 2 * min(p_above(values), p_above(-values))) == pytest.approx(p_value(values))


@given(hundredths, st.integers(-100, 100))
def test_an_interval_is_above_the_allowance_exactly_if_that_is_significant(distances: list[int], bound: int) -> None:
    values = (np.array(distances) + bound) / 100
    is_above = estimate(values, 0.1).low > bound / 100 + 1e-9
    assert is_above == (p_above(values, bound / 100) <= 0.05)


def test_infinite_log_ratios_rank_highest_and_unknown_ones_tell_nothing() -> None:
    assert p_above(np.array([math.inf] * 5)) == 1 / 32
    assert p_above(np.array([-math.inf] * 5)) == 1
    assert p_above(np.array([math.nan] * 5)) == 1
    assert p_above(np.array([])) == 1


def test_the_documented_comparisons_per_number_of_blocks_are_right() -> None:
    text = " ".join((ROOT / "docs" / "ci.md").read_text().split())
    found = re.search(r"5 blocks are enough for (\d+) comparison, 7 for (\d+), 9 for (\d+), 10 for (\d+)\.", text)
    assert found
    for blocks, family in zip((5, 7, 9, 10), map(int, found.groups()), strict=True):
        assert blocks_needed(family) == blocks == blocks_needed(family + 1) - 1


class TestSimulation:
    """What is published of both kinds of gate, against a small simulation of the same."""

    stored: ClassVar = {
        table.name: table.rows for table in read_simulation(ROOT / "results" / "gate-simulation").tables
    }
    MEASUREMENTS = 60

    def share(self, judged_in: str, drift: str, column: int) -> float:
        (row,) = [row for row in self.stored["gates"] if row[:2] == (judged_in, drift)]
        return float(row[column].rstrip("%")) / 100

    def test_the_warning_states_the_stored_rates(self) -> None:
        stored = {drift: self.share("two campaigns", f"{drift}%", 3) for drift in FALSE_ALARMS}
        assert stored == pytest.approx(FALSE_ALARMS)

    def test_drift_between_campaigns_fails_unchanged_code_and_within_one_it_does_not(self) -> None:
        apart = failed(Change(BetweenCampaigns, 0.1, 1.0), self.MEASUREMENTS, seed=3)
        within = failed(Change(WithinCampaign, 0.1, 1.0, allowed=0), self.MEASUREMENTS, seed=3)
        assert apart == pytest.approx(self.share("two campaigns", "10%", 3), abs=0.19)  # three standard errors
        assert apart > 0.1
        assert within <= 0.05 + 0.085

    def test_a_real_regression_is_found_in_spite_of_drift(self) -> None:
        found = failed(Change(WithinCampaign, 0.1, 1.1, noise=0.03, allowed=0.05), self.MEASUREMENTS, seed=3)
        assert found > 0.9

    def test_the_page_has_the_stored_tables(self) -> None:
        page = (ROOT / "docs" / "ci.md").read_text()
        for rows in self.stored.values():
            for row in rows:
                assert f"| {' | '.join(row)} |" in page
