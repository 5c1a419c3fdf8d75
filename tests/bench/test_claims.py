"""Claims: how their figures are read and judged, what a wrong manifest says, and real campaigns measured again."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import msgspec
import psutil
import pytest
from click.testing import CliRunner
from rich.console import Console

from bench.claims.judgement import judge
from bench.claims.manifest import Campaign, Claim, Manifest, read_manifest
from bench.claims.measurement import estimate_s, is_measured_as_planned, replace_folder
from bench.claims.progress import CampaignProgress
from bench.claims.readers import read
from bench.claims.reading import Outcome, Reading, outcome
from bench.claims.stored_results import FORMAT, Measured, StoredResults
from bench.commands.main import main
from bench.errors import ManifestError
from bench.model.summary import Summary
from bench.storage.campaign_folder import CampaignFolder
from bench.storage.checkout import PACKAGES
from bench.validation.selftest.results import exact_count
from bench.validation.selftest.stored import SelftestResult, read_selftest, write_selftest
from tests.bench.command import bench
from tests.bench.made_up import ENVIRONMENT, typical_summary
from tests.bench.made_up_capacity import made_up_search
from tests.figures_made_up import store
from tests.swarm_process import wait_until

TINY = "bench compare --strategies direct,coalesced --users 2,4 --room-rate 20 --duration 0.5 --warmup 0"
FAULTS = "bench selftest --only faults"


def claim(
    reader: str, campaign: str = "tiny", tolerance: float = 0.1, verdict: str = "", **parameters: str | int
) -> Claim:
    return Claim(
        id=reader,
        text="It is {figure}.",
        stated_in=("README.md",),
        campaign=campaign,
        reader=reader,
        parameters=dict(parameters),
        tolerance=tolerance,
        verdict=verdict,
    )


RATIO = claim("latency-ratio", strategy="queue", users=100)
BLOCKS = 12


def stored(directory: Path, summary: Summary, name: str = "tiny") -> StoredResults:
    results = StoredResults(directory)
    results.folder(name).mkdir(parents=True)
    CampaignFolder(results.folder(name)).write_summary(summary)
    return results


def slower(summary: Summary, strategy: str, factor: float) -> Summary:
    """Make all latencies of a strategy `factor` times as long."""

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    cells = [
        msgspec.structs.replace(
            cell,
            latency_ms=type(cell.latency_ms)(*map(scaled, msgspec.structs.astuple(cell.latency_ms))),
        )
        if cell.strategy == strategy
        else cell
        for cell in summary.cells
    ]
    return msgspec.structs.replace(summary, cells=cells)


def now_and_then_faster(summary: Summary, strategy: str) -> Summary:
    """Give a strategy the latencies of `direct`, a tenth longer in one block and shorter in the next."""
    direct = {(cell.block, cell.users): cell for cell in summary.cells if cell.strategy == "direct"}
    cells = []
    for cell in summary.cells:
        if cell.strategy == strategy and (cell.block, cell.users) in direct:
            of_direct = msgspec.structs.replace(summary, cells=[direct[cell.block, cell.users]])
            (scaled,) = slower(of_direct, "direct", 1.1 if cell.block % 2 else 1 / 1.1).cells
            cell = msgspec.structs.replace(cell, latency_ms=scaled.latency_ms)
        cells.append(cell)
    return msgspec.structs.replace(summary, cells=cells)


# Holds, drifted, failed


@pytest.mark.parametrize(
    ("stored", "again", "expected"),
    [
        (Reading(2.0, ""), Reading(2.1, ""), Outcome.HOLDS),
        (Reading(2.0, ""), Reading(1.9, ""), Outcome.HOLDS),
        (Reading(2.0, ""), Reading(2.3, ""), Outcome.DRIFTED),
        (Reading(2.0, "", "slower"), Reading(2.3, "", "slower"), Outcome.DRIFTED),
        (Reading(1.05, "", "slower"), Reading(0.99, "", "faster"), Outcome.FAILED),
        (Reading(2.0, "", "", 1.5, 2.5), Reading(2.8, "", "", 2.4, 3.5), Outcome.HOLDS),
        (Reading(2.0, "", "", 1.5, 2.5), Reading(2.8, "", "", 2.6, 3.5), Outcome.DRIFTED),
        (Reading(6000, "", "", 6000, math.inf), Reading(6500, "", "", 6500, math.inf), Outcome.HOLDS),
        (Reading(6000, "", "", 6000, math.inf), Reading(300, "", "", 300, math.inf), Outcome.DRIFTED),
        (Reading(450, "", "", 430, 460), Reading(20, "", "", 20, math.inf), Outcome.UNDECIDED),
        (Reading(450, "", "", 430, 460), Reading(600, "", "", 600, math.inf), Outcome.DRIFTED),
        (Reading(2.0, "", "slower"), Reading(1.0, "", "no difference found", is_decided=False), Outcome.UNDECIDED),
        (Reading(math.inf, ""), Reading(math.inf, ""), Outcome.HOLDS),
        (Reading(math.inf, ""), Reading(5.0, ""), Outcome.DRIFTED),
        (Reading(5.0, ""), Reading(math.inf, ""), Outcome.DRIFTED),
        (Reading(5.0, ""), Reading(math.nan, ""), Outcome.FAILED),
    ],
)
def test_a_figure_measured_again(stored: Reading, again: Reading, expected: Outcome) -> None:
    assert outcome(stored, again, tolerance=0.1) is expected


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.0, Outcome.HOLDS), (1.05, Outcome.HOLDS), (1.5, Outcome.DRIFTED), (0.5, Outcome.FAILED)]
)
def test_a_ratio_against_a_campaign_that_was_slower(factor: float, expected: Outcome, tmp_path: Path) -> None:
    summary = typical_summary(blocks=BLOCKS)
    then = stored(tmp_path / "then", slower(summary, "queue", 1.3))
    now = stored(tmp_path / "now", slower(slower(summary, "queue", 1.3), "queue", factor))
    found = judge(claim("latency-ratio", verdict="slower", strategy="queue", users=100), then, now)
    assert found.outcome is expected
    assert ("was slower, is faster" in found.remark) == (expected is Outcome.FAILED)


def test_a_verdict_is_that_of_the_comparison_and_not_the_sign_of_an_estimate(tmp_path: Path) -> None:
    slow = claim("latency-ratio", verdict="slower", strategy="queue", users=100)
    then = stored(tmp_path / "then", slower(typical_summary(blocks=BLOCKS), "queue", 1.3))
    few = stored(tmp_path / "few", slower(typical_summary(blocks=2), "queue", 1.3))
    equal = stored(tmp_path / "equal", now_and_then_faster(typical_summary(blocks=BLOCKS), "queue"))
    assert judge(slow, then, few).outcome is Outcome.UNDECIDED
    found = judge(slow, then, equal)
    assert (found.outcome, found.remark) == (Outcome.FAILED, "was slower, is no difference found")


def test_every_claim_can_be_read_from_the_quick_version_of_its_campaign(tmp_path: Path) -> None:
    manifest = read_manifest(PACKAGES)
    quick = {each.name: each.quick for each in manifest.campaigns if each.quick}
    assert quick
    results = StoredResults(tmp_path)
    for name, command in quick.items():
        store(msgspec.structs.replace(manifest.campaign(name), command=command), results)
    for each in manifest.claims:
        if each.campaign in quick:
            assert not math.isnan(read(each, results).value)


def test_a_claim_without_a_valid_figure_fails(tmp_path: Path) -> None:
    summary = typical_summary()
    cells = [msgspec.structs.replace(cell, valid=False, reasons=["busy"]) for cell in summary.cells]
    then = stored(tmp_path / "then", summary)
    now = stored(tmp_path / "now", msgspec.structs.replace(summary, cells=cells))
    for each in (RATIO, claim("server-cpu", strategy="queue", users=100)):
        found = judge(each, then, now)
        assert found.outcome is Outcome.FAILED
        assert found.again is None
        assert found.remark


def test_a_claim_without_results_says_so(tmp_path: Path) -> None:
    then, nothing = stored(tmp_path / "then", typical_summary()), StoredResults(tmp_path / "nothing")
    assert judge(RATIO, nothing, then).outcome is Outcome.NOT_STORED
    assert judge(RATIO, then, nothing).outcome is Outcome.NOT_MEASURED


def test_capacities_hold_where_their_ranges_overlap(tmp_path: Path) -> None:
    results = []
    for name, holds in (("then", 437), ("now", 450), ("later", 700)):
        folder = tmp_path / name / "tiny"
        folder.mkdir(parents=True)
        (folder / "capacity.json").write_bytes(msgspec.json.encode(made_up_search("direct", holds={"direct": holds})))
        results.append(StoredResults(tmp_path / name))
    then, now, later = results
    about = claim("capacity", tolerance=0.0, strategy="direct")
    assert judge(about, then, now).outcome is Outcome.HOLDS
    assert judge(about, then, later).outcome is Outcome.DRIFTED


def test_a_self_test_that_is_not_as_expected_fails(tmp_path: Path) -> None:
    results = []
    for name, lost in (("then", 20), ("now", 19)):
        results.append(StoredResults(tmp_path / name))
        results[-1].folder("tiny").mkdir(parents=True)
        made = SelftestResult(1, ENVIRONMENT, (exact_count("lose", "missing", 20, lost),))
        write_selftest(made, results[-1].folder("tiny"))
    found = judge(claim("as-expected"), *results)
    assert (found.outcome, found.remark) == (Outcome.FAILED, "was all, is not all")


def test_a_claim_fails_that_its_own_stored_result_contradicts(tmp_path: Path) -> None:
    results = StoredResults(tmp_path)
    results.folder("tiny").mkdir()
    write_selftest(SelftestResult(1, ENVIRONMENT, (exact_count("lose", "missing", 20, 19),)), results.folder("tiny"))
    found = judge(msgspec.structs.replace(claim("as-expected"), verdict="all"), results, results)
    assert found.outcome is Outcome.FAILED
    assert found.remark == "it says all, and the stored result says not all"


def test_a_cost_that_grows_with_the_room_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    command = "bench compare --strategies direct --users 100,400,800 --blocks 3"
    campaign = Campaign(name="tiny", purpose="", command=command, minutes=1)
    results = StoredResults(tmp_path / "then")
    store(campaign, results)
    cells = [
        msgspec.structs.replace(cell, server=msgspec.structs.replace(cell.server, cpu_percent=10.0 + cell.block))
        for cell in results.summary("tiny").cells
    ]
    now = stored(tmp_path / "now", msgspec.structs.replace(results.summary("tiny"), cells=cells))
    found = judge(claim("cost-per-member", strategy="direct"), results, now)
    assert found.stored
    assert found.stored.value == pytest.approx(4), "us a member: 0.04 % of a core for each at 100 messages/s"
    assert (found.outcome, found.remark) == (Outcome.FAILED, "was O(n), is O(1) not excluded")


# The manifest


def checkout(root: Path, campaigns: str, claims: str = "claim = []") -> Path:
    (root / "results").mkdir(parents=True, exist_ok=True)
    (root / "results" / "campaigns.toml").write_text(campaigns)
    (root / "results" / "claims.toml").write_text(claims)
    return root


def toml_campaign(name: str, command: str) -> str:
    return f'[[campaign]]\nname = "{name}"\npurpose = "a test"\ncommand = "{command}"\nminutes = 0.1\n'


def toml_claim(id_: str, campaign: str, reader: str, parameters: str = "", text: str = "It is {figure}.") -> str:
    return (
        f'[[claim]]\nid = "{id_}"\ntext = "{text}"\nstated_in = []\ncampaign = "{campaign}"\nreader = "{reader}"\n'
        f"parameters = {{ {parameters} }}\n"
    )


@pytest.mark.parametrize(
    ("campaigns", "claims", "message"),
    [
        ("campaign = [", "claim = []", "campaigns.toml is invalid"),
        (toml_campaign("No", TINY), "claim = []", r"campaigns.toml is invalid.*regex"),
        (toml_campaign("tiny", TINY) * 2, "claim = []", "there are two campaigns 'tiny'"),
        (toml_campaign("tiny", TINY), toml_claim("a", "huge", "p99"), "'a' rests on 'huge', which campaigns.toml"),
        (toml_campaign("tiny", TINY), toml_claim("a", "tiny", "p99", text="It is 5 ms."), "write {figure} once"),
        (toml_campaign("tiny", TINY), toml_claim("a", "tiny", "p99") * 2, "there are two claims 'a'"),
    ],
)
def test_a_wrong_manifest_is_refused(campaigns: str, claims: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=message):
        read_manifest(checkout(tmp_path, campaigns, claims))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("claims",), "give ids of claims, or --all"),
        (("claims", "nothing"), "unknown claim 'nothing'; choose wrong-reader, wrong-parameters"),
        (("claims", "wrong-reader", "--against", "."), "has the unknown reader 'p42'; choose latency-ratio"),
        (
            ("claims", "wrong-parameters", "--against", "."),
            "does not fit its reader 'p99': missing a required argument",
        ),
        (("measure",), "give names of campaigns, --all or --missing"),
        (("measure", "nothing"), "unknown campaign 'nothing'; choose tiny"),
        (("measure", "--all"), "tiny stored already; --replace measures again and replaces"),
    ],
)
def test_wrong_use_says_what_is_allowed(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    claims = toml_claim("wrong-reader", "tiny", "p42") + toml_claim("wrong-parameters", "tiny", "p99", "users = 4")
    root = checkout(tmp_path, toml_campaign("tiny", TINY), claims)
    stored(root / "results", typical_summary())
    done = CliRunner().invoke(main, [*words, "--root", str(root)])
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())


# The command


def test_results_at_hand_are_compared_without_measuring(tmp_path: Path) -> None:
    claims = toml_claim("queue", "tiny", "latency-ratio", 'strategy = "queue", users = 100')
    root = checkout(tmp_path, toml_campaign("tiny", TINY), claims)
    stored(root / "results", typical_summary())
    stored(root / "same", typical_summary())
    stored(root / "other", slower(typical_summary(), "queue", 3))
    for folder, code, says in (("same", 0, "1 of 1 claims hold."), ("other", 3, "0 of 1 claims hold; 1 drifted.")):
        done = CliRunner().invoke(main, ["claims", "--all", "--root", str(root), "--against", str(root / folder)])
        assert (done.exit_code, says in done.output) == (code, True), done.output


@pytest.mark.long
@pytest.mark.timeout(2400)  # two real campaigns, twice
def test_campaigns_are_measured_again_each_once(tmp_path: Path) -> None:
    claims = [
        toml_claim("faults", "faults", "as-expected"),
        toml_claim("ratio", "tiny", "latency-ratio", 'strategy = "coalesced", users = 4'),
        toml_claim("cpu", "tiny", "p99", 'strategy = "direct", users = 4'),
        toml_claim("peer", "peer", "p99", 'strategy = "direct", users = 4'),
    ]
    needs = 'needs = ["no-such-program"]\n'
    campaigns = [toml_campaign("faults", FAULTS), toml_campaign("tiny", TINY), toml_campaign("peer", TINY) + needs]
    root = checkout(tmp_path, "".join(campaigns), "".join(claims))
    stored_again = ["faults", "tiny", "--root", str(root)]
    done = bench("measure", *stored_again, "--accept-invalid")
    assert done.returncode == 0, done.stderr
    assert "[1/2] faults, about 0:12 left" in done.stderr
    assert "[2/2] tiny, about 0:06 left" in done.stderr
    assert json.loads((root / "results" / "tiny" / "campaign.json").read_text())["command"] == TINY
    assert (root / "results" / "tiny" / "report.md").exists()
    assert (root / "results" / "tiny" / "charts" / "latency_by_users.png").exists()
    assert sorted(path.name for path in (root / "results").iterdir()) == [
        *("campaigns.toml", "claims.toml", "faults", "tiny"),
    ]

    again = bench("claims", "faults", "ratio", "cpu", "peer", "--root", str(root), "--out", str(root / "again"))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in again.stdout.splitlines() if "│" in line]
    outcomes = {row[0]: row[-1] for row in rows}
    tested = [read_selftest(root / folder / "faults") for folder in ("results", "again")]
    as_expected = not any(one.unexpected or one.untested for one in tested)  # else the machine was too busy for a test
    assert outcomes["faults"] == ("holds" if as_expected else "failed")
    assert {outcomes["ratio"], outcomes["cpu"]} <= {*Outcome}
    assert outcomes["peer"] == "not stored"
    assert again.stderr.count("tiny, about") == 1
    assert "peer is left out: it needs no-such-program on the PATH" in again.stderr
    assert again.returncode == 3
    assert StoredResults(root / "again").summary("tiny").plan.workload.users == (2, 4)


@pytest.mark.long
def test_an_invalid_result_is_not_stored(tmp_path: Path) -> None:
    unable = "--strategies none --rival bad='false {port}'"
    root = checkout(tmp_path, toml_campaign("bad", f"bench connections {unable} --members 2 --vanish 1"))
    done = bench("measure", "bad", "--root", str(root))
    assert done.returncode == 3
    assert "bad ended with exit code 3" in done.stderr
    assert "the server did not start" in done.stderr
    assert not (root / "results" / "bad").exists()


@pytest.mark.long
def test_a_campaign_that_was_interrupted_goes_on_in_its_folder(tmp_path: Path) -> None:
    root = checkout(tmp_path, toml_campaign("tiny", f"{TINY} --blocks 2"))
    command = [sys.executable, "-m", "bench", "measure", "tiny", "--root", str(root)]
    with subprocess.Popen(command, cwd=PACKAGES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(list(root.glob("results/measure-*/tiny/runs/*.json"))) >= 1)
        first = [path.name for path in root.glob("results/measure-*/tiny/runs/*.json")]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
    (left,) = root.glob("results/measure-*/tiny")
    assert not (root / "results" / "tiny").exists()
    written = {name: (left / "runs" / name).stat().st_mtime_ns for name in first}
    done = bench("measure", "--resume", "--accept-invalid", "tiny", "--root", str(root))
    assert done.returncode == 0, done.stderr
    assert f"tiny goes on in {left}" in done.stderr
    assert not left.parent.exists()
    runs = root / "results" / "tiny" / "runs"
    assert {name: (runs / name).stat().st_mtime_ns for name in first} == written
    assert StoredResults(root / "results").summary("tiny").failures == []


@pytest.mark.long
def test_an_interruption_ends_the_campaign_and_all_its_processes(tmp_path: Path) -> None:
    long = TINY.replace("--duration 0.5", "--duration 60")
    claims = toml_claim("p99", "tiny", "p99", 'strategy = "direct", users = 100')
    root = checkout(tmp_path, toml_campaign("tiny", long), claims)
    stored(root / "results", typical_summary())
    command = [sys.executable, "-m", "bench", "claims", "--all", "--root", str(root)]
    with subprocess.Popen(command, cwd=PACKAGES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 3)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        output, complaint = process.communicate(timeout=300)
    assert process.returncode == 3
    assert "Traceback" not in complaint
    assert "not measured" in output
    _, alive = psutil.wait_procs(children, timeout=300)
    assert not alive


# What belongs to it


def test_what_a_stored_campaign_took_estimates_the_next(tmp_path: Path) -> None:
    results = StoredResults(tmp_path)
    one = Campaign(name="one", purpose="", command=TINY, minutes=2, quick=f"{TINY} --blocks 1", quick_minutes=1)
    assert estimate_s([one], results) == 120
    assert not is_measured_as_planned(one, results)
    results.folder("one").mkdir()
    results.write_measured("one", Measured(FORMAT, TINY, 90.0))
    assert is_measured_as_planned(one, results)
    assert estimate_s([one, one], results) == 180
    assert estimate_s([one], results, quick=True) == 60
    results.write_measured("one", Measured(FORMAT, f"{TINY} --seed 2", 90.0))
    assert not is_measured_as_planned(one, results)
    assert estimate_s([one], results) == 120


def test_the_time_left_falls_to_that_of_later_campaigns() -> None:
    campaigns = [Campaign(name=name, purpose="", command=TINY, minutes=1) for name in ("one", "two")]
    now = [0.0]
    out = StringIO()
    progress = CampaignProgress(campaigns, Campaign.estimated_s, Console(file=out), clock=lambda: now[0])
    assert progress.left_s() == 120
    progress.begin(campaigns[0])
    now[0] = 40.0
    assert progress.left_s() == 80
    now[0] = 75.0
    assert progress.left_s() == 60, "slower than expected"
    progress.begin(campaigns[1])
    now[0] = 85.0
    assert progress.left_s() == 50
    assert out.getvalue().splitlines() == ["[1/2] one, about 2:00 left", "[2/2] two, about 1:00 left"]


def test_a_new_result_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in tmp_path.rglob("*")] == ["old", "new"]
    (tmp_path / "newer").mkdir()
    replace_folder(tmp_path / "newer", tmp_path / "first")
    assert (tmp_path / "first").exists()


def test_names_are_chosen_once_and_in_order() -> None:
    campaigns = tuple(Campaign(name=name, purpose="", command=TINY, minutes=1) for name in ("one", "two"))
    manifest = Manifest(campaigns, ())
    assert [each.name for each in manifest.named_campaigns(["two", "one", "two"])] == ["two", "one"]
