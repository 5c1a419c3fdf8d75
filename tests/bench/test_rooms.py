"""Rooms in plans, labels, cells, costs, predictions, words and the command line."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
import pytest

from bench.analysis.cells import summarise
from bench.analysis.comparison import baseline_for
from bench.analysis.cost_model import usable_points
from bench.analysis.support import carries
from bench.analysis.window_length import planned_messages
from bench.capacity.judge import judge
from bench.capacity.prediction import predict
from bench.commands.options import check_rooms
from bench.model.message_cost import MessageCost
from bench.model.plan import Arm, Trial, make_plan, peer_arms
from bench.model.revision import Revision
from bench.model.summary import Summary
from bench.presentation.charts.parts.provenance import Provenance
from bench.presentation.comparison_answer import comparison_answer
from bench.presentation.report.reproduce import compare_command
from bench.presentation.text import in_rooms
from bench.scenarios.conditions import Conditions
from bench.storage.campaign_folder import CampaignFolder
from loadtest.ledger.result import Step
from tests.bench.command import bench
from tests.bench.made_up import ENVIRONMENT, plan, run, samples, step, workload
from tests.bench.made_up_capacity import capacity_plan
from tests.swarm_process import other_than_busy

ROOMS = 10
COST = MessageCost(fixed_us=106, per_member_us=4.40)


def in_ten(users: int, **changes: object) -> Step:
    """Make a window of so many users in ten rooms, each with 100 messages/s."""
    made = step(users)
    messages = made.planned_messages * ROOMS
    return msgspec.structs.replace(made, rooms=ROOMS, planned_messages=messages, offered_messages=messages, **changes)


def test_each_arm_is_run_with_each_number_of_rooms() -> None:
    made = make_plan(workload(), ["direct", "queue"], 2, 50, 1, peer_arms({"mine": "x {port}"}), rooms=(1, 10))
    assert [arm.label for arm in made.arms] == [
        *("direct-1-room", "direct-10-rooms", "queue-1-room", "queue-10-rooms", "mine-1-room", "mine-10-rooms")
    ]
    assert made.rooms == (1, 10)
    for trial in made.trials:
        assert trial.workload_in(made.workload).rooms == trial.arm.rooms
    assert [baseline_for(made, arm).label for arm in made.arms] == ["direct-1-room", "direct-10-rooms"] * 3


def test_a_strategy_alone_is_compared_with_its_first_number_of_rooms() -> None:
    made = make_plan(workload(), ["coalesced"], 1, 50, 1, rooms=(10, 1, 100))
    assert {baseline_for(made, arm).label for arm in made.arms} == {"coalesced-10-rooms"}


def test_revisions_are_compared_within_a_number_of_rooms() -> None:
    revisions = [Revision("main", "1" * 40), Revision("new", "2" * 40)]
    made = make_plan(workload(), ["direct"], 1, 50, 1, revisions=revisions, rooms=(1, 10))
    assert [(arm.label, baseline_for(made, arm).label) for arm in made.arms] == [
        ("direct@main-1-room", "direct@main-1-room"),
        ("direct@main-10-rooms", "direct@main-10-rooms"),
        ("direct@new-1-room", "direct@main-1-room"),
        ("direct@new-10-rooms", "direct@main-10-rooms"),
    ]
    words = compare_command(made).split()
    assert words[words.index("--rooms") + 1] == "1,10"
    assert words[words.index("--strategies") + 1] == "direct"
    assert words.count("--revision") == 2


def test_one_number_of_rooms_is_that_of_the_workload() -> None:
    spread = msgspec.structs.replace(workload(), rooms=ROOMS)
    made = make_plan(spread, ["direct"], 1, 50, 1)
    assert made.arms == (Arm("direct", "direct"),)
    assert made.rooms == (ROOMS,)
    assert "--rooms 10" in compare_command(made)
    assert planned_messages(spread) == ROOMS * planned_messages(workload())


def summary_in_ten(*steps: Step) -> Summary:
    users = tuple(made.users for made in steps)
    made = plan(users=users)
    made = msgspec.structs.replace(made, workload=msgspec.structs.replace(made.workload, rooms=ROOMS))
    return summarise(made, ENVIRONMENT, [run(made.trials[0], list(steps))])


def test_a_message_is_offered_to_the_members_of_its_room() -> None:
    (cell,) = summary_in_ten(in_ten(200)).cells
    assert cell.rooms == ROOMS
    assert cell.offered_deliveries_per_s == ROOMS * 100 * 20
    assert carries(cell, workload(), 99.0), "10 rooms with 500 messages each"


def test_the_cost_of_a_message_is_that_of_its_room() -> None:
    steps = [in_ten(users) for users in (50, 100, 200)]
    assert [members for members, _ in usable_points(summary_in_ten(*steps).cells)] == [5, 10, 20]


def test_a_prediction_is_of_all_rooms_together() -> None:
    """Ten rooms offer ten times as many messages, and each goes to a tenth of the users."""
    one = capacity_plan("direct")
    ten = msgspec.structs.replace(one, workload=msgspec.structs.replace(one.workload, rooms=ROOMS, room_rate=10))
    users = []
    for made_plan in (one, ten):
        rooms, tries = made_plan.workload.rooms, []
        for load in (100, 200, 400):
            made = msgspec.structs.replace(step(load), rooms=rooms)
            tried = run(Trial(1, made_plan.arms[0], 1), [made])
            tried.samples[:] = samples(cpu_share=COST.message_us(load / rooms) * made.offered_messages / 5 / 1e6)
            tries.append(judge(made_plan, ENVIRONMENT, tried, load))
        found = predict(made_plan, tries)
        assert found is not None
        assert (found.cost.fixed_us, found.cost.per_member_us) == pytest.approx((COST.fixed_us, COST.per_member_us))
        users.append(found.users)
    assert users[1] == pytest.approx(ROOMS * users[0], abs=ROOMS), "as many messages a second, to as large rooms"


@pytest.mark.parametrize(
    ("counts", "words"),
    [((1,), "in one room"), ((10,), "in 10 rooms"), ((1, 10, 100), "in 1, 10 and 100 rooms in turn")],
)
def test_rooms_are_said(counts: tuple[int, ...], words: str) -> None:
    assert in_rooms(counts) == words


def test_charts_and_tables_say_how_many_rooms_there_are(tmp_path: Path) -> None:
    summary = summary_in_ten(in_ten(200, misrouted=7))
    assert "in 10 rooms, each, windows of 5 s and about 500 messages a room" in Provenance.of_campaign(summary).load
    (answer,) = [remark for remark in comparison_answer(summary).remarks if "misrouted" in remark or "fault" in remark]
    assert "7 reached members of other rooms" in answer
    assert "Users are in 10 rooms, and a message is for the members of its own." in comparison_answer(summary).remarks
    CampaignFolder(tmp_path).write_summary(summary)
    header, row = (tmp_path / "summary.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["rooms"] == "10"


def test_a_scenario_has_rooms() -> None:
    assert Conditions(users=20, rooms=4).workload.rooms == 4
    with pytest.raises(ValueError, match="rooms = 30 leaves rooms empty with 20 users"):
        Conditions(users=20, rooms=30)


def test_there_is_a_user_for_each_room() -> None:
    check_rooms(10, 10)
    with pytest.raises(click.BadParameter, match="11 rooms have no user each"):
        check_rooms(11, 10)


@pytest.mark.parametrize("words", ["0", "1,1", "ten", "1,,2"])
def test_wrong_numbers_of_rooms_are_refused(words: str) -> None:
    done = bench("compare", "--rooms", words)
    assert done.returncode == 2
    assert "number of rooms" in done.stderr


@pytest.mark.long
def test_a_campaign_compares_numbers_of_rooms(tmp_path: Path) -> None:
    flags = ("--users", "6", "--room-rate", "40", "--duration", "1", "--warmup", "0.2", "--arrival", "constant")
    out = tmp_path / "campaign"
    done = bench("compare", "--strategies", "coalesced", "--rooms", "1,3", *flags, "--out", str(out))
    assert done.returncode in (0, 3), done.stderr
    summary = CampaignFolder(out).read_summary()
    cells = {cell.strategy: cell for cell in summary.cells}
    assert not other_than_busy(reason for cell in summary.cells for reason in cell.reasons)
    found = {label: (cell.rooms, cell.planned_messages, cell.expected, cell.missing) for label, cell in cells.items()}
    assert found == {"coalesced-1-room": (1, 40, 240, 0), "coalesced-3-rooms": (3, 120, 240, 0)}
