"""Wrong use of the command line: reported at once, with exit code 2 and nothing written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.commands.compare import compare
from bench.commands.main import SUBCOMMANDS, main
from bench.commands.strategies import BUILT_IN, PLUGINS
from bench.model.plan import Workload
from bench.storage.campaign_folder import CampaignFolder
from loadtest.ledger.percentile_support import is_supported
from server.errors import UnknownStrategyError
from server.strategies import STRATEGIES, plugins, strategy_named
from tests.bench.command import subcommand_named
from tests.bench.made_up import typical_summary


def use(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--users", "50,many", "invalid user count 'many'; give whole numbers from 1"),
        ("--users", "0", "invalid user count '0'"),
        ("--strategies", "direct,../queue", "invalid strategy name '../queue'"),
        ("--strategies", "", "invalid strategy name ''"),
        ("--strategies", "none,direct", "'none' stands alone and leaves out all strategies, not as in 'none,direct'"),
        ("--message-size", "10", "10 is not in the range x>=60"),
        ("--arrival", "bursts", "'bursts' is not one of 'constant', 'poisson'"),
        ("--duration", "0", "0.0 is not in the range x>0"),
        ("--duration", "nan", "nan must be finite"),
        ("--slo-ms", "inf", "inf must be finite"),
        ("--join-rate", "-inf", "-inf is not in the range x>0"),
        ("--rival", "mine=python app.py", "invalid peer 'mine=python app.py'; give a name of its own and a command"),
        ("--rival", "python app.py {port}", "invalid peer 'python app.py {port}'"),
        ("--rival", "direct=python app.py {port}", "'direct' is a strategy here; give the peer a name of its own"),
        ("--url-path", "/a b/{user}", "--url-path must begin with '/' and be of printable ASCII without spaces"),
        ("--url-path", "/ws/{nick}", "unknown place {nick}"),
        ("--header", "no colon", "'no colon' is no header; write as in 'Authorization: Bearer abc'"),
        ("--header", "Sec-WebSocket-Key: x", "the header 'Sec-WebSocket-Key' is set by the handshake"),
        ("--subprotocol", "a b", "'a b' is no sub-protocol; give one name"),
    ],
)
def test_a_wrong_flag_says_what_is_allowed(flag: str, value: str, expected: str, tmp_path: Path) -> None:
    code, output = use("compare", flag, value, "--out", tmp_path / "new")
    assert code == 2
    assert expected in output
    assert not (tmp_path / "new").exists()


def test_windows_of_a_comparison_carry_a_p99_of_poisson_arrivals() -> None:
    given = compare.make_context("compare", []).params
    assert given["arrival"] == "poisson"
    assert is_supported(99, round(given["room_rate"] * given["duration_s"]))
    workload = Workload(**{name: given[name] for name in Workload.__struct_fields__} | {"rooms": 1})
    minutes = len(given["strategies"]) * workload.trial_seconds() / 60
    assert 3.5 < minutes < 5.5


def test_the_list_says_what_the_helps_say_and_loads_nothing() -> None:
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bench", "--help"], capture_output=True, text=True, check=True
    )
    assert not re.search(r"\b(numpy|scipy|matplotlib|rich)\b", listed.stderr), "they take seconds on a slow machine"
    for name, said in SUBCOMMANDS.items():
        assert name in listed.stdout
        assert subcommand_named(name).get_short_help_str(1000) == said


def test_old_names_work_and_are_not_listed() -> None:
    listed = use("--help")[1]
    assert "cross-check" in listed
    assert "second-opinion" not in listed
    code, described = use("second-opinion", "--help")
    assert code == 0
    assert "--observers" in described
    assert "--witnesses" not in described
    code, output = use("cross-check", "--observers", "3", "--witnesses", "2")
    assert (code, "give only --observers" in output) == (2, True)
    for flag in ("--observers", "--witnesses"):
        code, output = use("second-opinion", flag, "1")
        assert code == 2
        assert f"'{flag}': 1 is not in the range x>=2" in output


@pytest.mark.parametrize("command", [["compare"], ["capacity"], ["connections"], ["run", "steady"]])
def test_an_unknown_strategy_is_refused_in_the_servers_words_at_once(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the machine was examined first")

    monkeypatch.setattr("bench.commands.session.this_machine", never)
    code, output = use(*command, "--strategies", "direct,nope", "--out", tmp_path / "new")
    assert code == 2
    with pytest.raises(UnknownStrategyError) as servers_words:
        strategy_named("nope")
    assert f"Invalid value for '--strategies': {servers_words.value}" in output
    assert "Usage: python -m server" not in output
    assert not (tmp_path / "new").exists()


def test_the_bench_knows_which_strategies_the_server_has() -> None:
    assert set(BUILT_IN) == STRATEGIES.keys()
    assert plugins.GROUP == PLUGINS


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    code, output = use("compare", "--strategies", "direct", "--out", tmp_path)
    assert code == 2
    assert "is not empty; choose another --out" in output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.long
def test_plot_draws_from_the_summary_alone(tmp_path: Path) -> None:
    CampaignFolder(tmp_path).write_summary(typical_summary())
    code, output = use("plot", tmp_path)
    assert code == 0
    assert "latency_by_users.svg" in output
    assert (tmp_path / "charts" / "delivered_vs_offered.png").stat().st_size > 10_000


@pytest.mark.parametrize("file", ["capacity.json", "scenario.json"])
def test_plot_of_another_subcommands_results_says_what_draws_them(file: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("{}")
    code, output = use("plot", tmp_path)
    assert code == 2
    assert "report" in output
    assert "draws its chart" in " ".join(output.split())


@pytest.mark.parametrize("content", [None, "{", '{"format": 99}'])
def test_plot_of_what_is_no_result_says_what_to_do(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "summary.json").write_text(content)
    code, output = use("plot", tmp_path)
    assert code == 2
    assert "run `compare` again" in output
