"""Several rooms: who is in which, and what is expected of whom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.client.endpoint import Endpoint
from loadtest.client.target import resolve
from loadtest.coordinator.rehearsal import exchange
from loadtest.errors import OptionError, RehearsalError
from loadtest.ledger.backlog import Room, backlog_growth
from loadtest.ledger.drain import Drain
from loadtest.ledger.ledger import judge
from loadtest.ledger.records import NEVER, Deliveries, Members, Sends, Window
from loadtest.options import Options, add_arguments
from loadtest.protocols.actioncable import ActionCable
from loadtest.protocols.driver import Driver, Identity
from loadtest.protocols.socketio import SocketIo
from loadtest.protocols.stomp import Stomp
from loadtest.protocols.templates import Description, Step, Templates
from loadtest.schedule.plan import plan
from loadtest.schedule.window_order import WindowOrder
from server.testing.server_process import ServerProcess
from tests.loadtest.test_arrivals import Parser
from tests.loadtest.test_ledger import WINDOW, Rows, columns, delivery, rooms, slowly
from tests.loadtest.test_sender import LOAD
from tests.swarm_process import is_valid_unless_busy, only_step, run_swarm

SUMMED = ("expected", "delivered", "late", "duplicates", "reordered", "not_judged", "corrupted")


def of_room(room: int, count: int, members: Rows, sends: Rows, deliveries: Rows) -> tuple[Rows, Rows, Rows]:
    """Return what there is of one room, for the oracle of a single one."""
    inside = [member for member in members if member[0] % count == room]
    numbers = {number for number, *_ in inside}
    return inside, [send for send in sends if send[0] % count == room], [d for d in deliveries if d[0] in numbers]


@given(rooms(), st.integers(2, 3))
def test_a_message_is_expected_in_its_senders_room_only(case: tuple[Rows, Rows, Rows], count: int) -> None:
    members, sends, deliveries = case
    placed = columns(Members, [(*member, member[0] % count) for member in members])
    judgement = judge(replace(WINDOW, rooms=count), placed, columns(Sends, sends), columns(Deliveries, deliveries))
    by_room = [slowly(*of_room(room, count, *case)) for room in range(count)]
    counts = judgement.counts
    for name in SUMMED:
        assert getattr(counts, name) == sum(each[name] for each in by_room), name  # type: ignore[misc]
    latencies = [latency for each in by_room for latency in each["latency"]]  # type: ignore[attr-defined]
    assert sorted(judgement.latency.tolist()) == sorted(latencies)

    numbers = {number for number, *_ in members}
    known = {send[:3] for send in sends if 100 <= send[2] < 200}
    due = [d for d in deliveries if 100 <= d[3] < 200]
    misrouted = [d for d in due if d[0] in numbers and d[1:4] in known and d[0] % count != d[1] % count]
    matched = [d for d in due if d[0] in numbers and d[1:4] in known and d[0] % count == d[1] % count]
    assert counts.misrouted == len(misrouted)
    assert counts.foreign == len(due) - len(matched) - len(misrouted)
    assert counts.missing == counts.expected - counts.delivered


@given(rooms(), st.integers(2, 3))
def test_the_drain_counts_what_is_outstanding_in_each_room(case: tuple[Rows, Rows, Rows], count: int) -> None:
    members, sends, deliveries = case
    members = [(number, joined, NEVER) for number, joined, _ in members]
    planned = [send for send in sends if 100 <= send[2] < 200]
    never_sent = columns(Sends, [send for send in sends if send[3] == NEVER])
    placed = columns(Members, [(*member, member[0] % count) for member in members])
    drain = Drain(columns(Sends, planned), placed, never_sent, rooms=count)
    drain.add(columns(Deliveries, deliveries))
    expected = 0
    for room in range(count):
        inside, said, arrived = of_room(room, count, members, planned, deliveries)
        one = Drain(columns(Sends, said), columns(Members, inside), never_sent)
        one.add(columns(Deliveries, [d for d in arrived if d[1] % count == room]))
        expected += one.outstanding
    assert drain.outstanding == expected


def test_a_message_that_reaches_another_room_is_misrouted_and_makes_up_for_nothing() -> None:
    members = columns(Members, [(0, 0, NEVER, 0), (2, 0, NEVER, 0), (1, 0, NEVER, 1)])
    sends = columns(Sends, [(0, 0, 110, 110)])
    arrived = columns(Deliveries, [delivery(0, 0, 0, 110, 115), delivery(1, 0, 0, 110, 115)])
    counts = judge(replace(WINDOW, rooms=2), members, sends, arrived).counts
    assert (counts.expected, counts.delivered, counts.missing) == (2, 1, 1)
    assert (counts.misrouted, counts.foreign) == (1, 0)


def test_who_comes_back_is_in_its_old_room() -> None:
    """Its number is new, its slot, by which it sends, is not: member 4 has slot 0."""
    members = columns(Members, [(4, 0, NEVER, 0), (2, 0, NEVER, 0), (1, 0, NEVER, 1), (3, 0, NEVER, 1)])
    sends = columns(Sends, [(0, 0, 110, 110)])
    arrived = columns(Deliveries, [delivery(receiver, 0, 0, 110, 115) for receiver in (4, 2)])
    counts = judge(replace(WINDOW, rooms=2), members, sends, arrived).counts
    assert (counts.expected, counts.missing, counts.misrouted) == (2, 0, 0)


def test_a_room_is_in_order_by_its_own_first_member() -> None:
    members = columns(Members, [(n, 0, NEVER, n % 2) for n in range(4)])
    sends = columns(Sends, [(sender, 0, 110 + sender, 110 + sender) for sender in range(4)])
    seen = {0: (0, 2), 2: (0, 2), 1: (1, 3), 3: (3, 1)}
    arrivals = [
        delivery(receiver, sender, 0, 110 + sender, 120 + place)
        for receiver, senders in seen.items()
        for place, sender in enumerate(senders)
    ]
    counts = judge(replace(WINDOW, rooms=2), members, sends, columns(Deliveries, arrivals)).counts
    assert (counts.missing, counts.order_conflicts) == (0, 1)


@pytest.mark.parametrize("users", [7, 12])
@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_each_room_says_as_much_and_only_its_own_members_say_it(users: int, arrival: str) -> None:
    second_ns = 10**9
    order = WindowOrder(0, list(range(users)), 0, 0, 50 * second_ns, rooms=3)
    planned = plan(replace(LOAD, arrival=arrival), order)
    rate = LOAD.rate.per_second
    by_room = np.bincount(planned.sender % 3, minlength=3)
    assert np.abs(by_room - 50 * rate).max() <= (5 * np.sqrt(50 * rate) if arrival == "poisson" else 0)
    assert set(planned.sender.tolist()) == set(range(users))
    for sender in range(users):
        mine = planned.seq[planned.sender == sender]
        assert mine.tolist() == list(range(len(mine)))


def test_rooms_without_a_member_have_no_messages() -> None:
    planned = plan(LOAD, WindowOrder(0, [0, 3, 5], 0, 0, 10**9, rooms=3))
    assert set(planned.sender.tolist()) == {0, 3, 5}
    assert len(planned.seq) == pytest.approx(2 * LOAD.rate.per_second, abs=6 * np.sqrt(2 * LOAD.rate.per_second))


def test_a_backlog_is_that_of_all_rooms_together() -> None:
    """One room falls behind, and what is under way of all messages grows by half of what that one's does."""
    due_ns = np.arange(100) * 10_000_000
    window = Window(0, 10**9, 3 * 10**9, 0)

    def room(slowdown: float) -> Room:
        sends = Sends(np.zeros(100, np.int64), np.arange(100), due_ns, due_ns)
        arrival = (due_ns * slowdown).astype(np.int64)[:, None] + np.arange(10)
        return Room(sends, np.ones(arrival.shape, np.bool_), arrival)

    alone, beside = backlog_growth(window, [room(1.5)]), backlog_growth(window, [room(1.5), room(1.0)])
    assert alone == pytest.approx(1 / 3, abs=0.02)
    assert 0.1 < beside < alone
    assert backlog_growth(window, [room(1.0), room(1.0)]) == 0


def options(*flags: str) -> Options:
    parser = Parser()
    add_arguments(parser)
    parser.set_defaults(num_users=4)
    return Options.of(parser.parse_args(flags))


def test_users_are_in_one_room_unless_told_otherwise() -> None:
    assert options().rooms == 1
    assert options().endpoint.url_path == "/chat?user_id={user}"
    assert options("--rooms", "3").rooms == 3
    assert options("--rooms", "3").endpoint.url_path == "/chat?user_id={user}&room={room}"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--rooms", "5"), "--rooms 5 leaves rooms empty with 4 users"),
        (("--rooms", "2", "--url-path", "/chat/{user}"), "put {room} into --url-path"),
        (("--rooms", "2", "--protocol", "stomp"), "put {room} into --url-path"),
    ],
)
def test_rooms_that_cannot_be_are_refused(flags: tuple[str, ...], words: str) -> None:
    with pytest.raises(OptionError) as refused:
        options(*flags)
    assert words in str(refused.value)


def test_a_header_may_name_the_room() -> None:
    assert options("--rooms", "2", "--url-path", "/chat/{user}", "--header", "Room: {room}").rooms == 2


SUBSCRIPTION = rb'"identifier": "{\"channel\": \"ChatChannel\", \"room\": \"red\"}"'
DESCRIPTION = '{"in": "{room}", "say": "{text}"}'


@pytest.mark.parametrize(
    ("driver", "answers", "joining", "message"),
    [
        (
            ActionCable(params={"room": "{room}"}),
            [b'{"type": "welcome"}', b'{"type": "confirm_subscription"}'],
            SUBSCRIPTION,
            SUBSCRIPTION,
        ),
        (
            Stomp("/topic/{room}"),
            [b"CONNECTED", b"RECEIPT"],
            b"\ndestination:/topic/red\n",
            b"destination:/topic/red\n",
        ),
        (
            SocketIo(join_event="enter", join_value="{user} in {room}"),
            [b"0{}", b"40{}"],
            b'42["enter", "anna in red"]',
            b"",
        ),
        (Templates(Description(DESCRIPTION, (Step('{"join": "{room}"}'),))), [], b'{"join": "red"}', b'{"in": "red", '),
        (
            Templates(Description(DESCRIPTION, frames="msgpack")),
            [],
            b"",
            msgspec.msgpack.encode({"in": "red", "say": "hello"}),
        ),
    ],
)
def test_a_driver_names_the_room(driver: Driver, answers: list[bytes], joining: bytes, message: bytes) -> None:
    assert driver.has_rooms
    steps, sent = driver.join(Identity("anna", room="red")), []
    replies = iter(answers)
    with suppress(StopIteration):
        step = next(steps)
        while True:
            sent.append(step or b"")
            step = steps.send(next(replies) if step is None else b"")
    assert joining in b"".join(sent)
    assert message in driver.wrap_in("red")(b"hello")
    assert b"hello" in driver.wrap_in("red")(b"hello")
    assert driver.wrap(b"hello") == driver.wrap_in("lobby")(b"hello")


# With real servers


def test_a_server_that_keeps_rooms_apart_passes_the_rehearsal(start_server: Callable[..., ServerProcess]) -> None:
    told: list[str] = []
    exchange(
        resolve(start_server().url, Endpoint("/chat?user_id={user}&room={room}")),
        64,
        has_echo=True,
        has_rooms=True,
        tell=told.append,
    )
    assert told[0] == "two users joined, and a third another room"
    assert told[-1] == "it did not reach the other room"


def test_a_server_that_has_one_room_for_all_does_not(start_server: Callable[..., ServerProcess]) -> None:
    endpoint = Endpoint("/chat?user_id={user}&colour={room}")
    with pytest.raises(RehearsalError, match="does not keep rooms apart: what was said in room 'room000000' reached"):
        exchange(resolve(start_server().url, endpoint), 64, has_echo=True, has_rooms=True)


LOAD_FLAGS = (
    "--only-summary",
    "-r",
    "200",
    "--dwell",
    "1",
    "--warmup",
    "0.3",
    "--room-rate",
    "40",
    "--arrival",
    "constant",
)


@pytest.mark.long
@pytest.mark.parametrize("workers", [(), ("--processes", "2")])
def test_users_in_rooms_of_our_server_hear_their_own_room(
    start_server: Callable[..., ServerProcess], tmp_path: Path, workers: tuple[str, ...]
) -> None:
    flags = (*LOAD_FLAGS, "--steps", "9,13", "--rooms", "3", *workers)
    run = run_swarm(start_server().url, tmp_path / "out.json", *flags)
    assert run.result is not None, run.output
    found = [
        (step.rooms, step.planned_messages, step.expected, step.missing, step.misrouted) for step in run.result.steps
    ]
    if workers:  # each numbers its users from a block of its own, so that rooms may differ by one user a worker
        assert [each[:2] for each in found] == [(3, 120), (3, 120)], run.output
        assert all(each[3:] == (0, 0) for each in found)
    else:
        assert found == [(3, 120, 40 * 9, 0, 0), (3, 120, 40 * 13, 0, 0)], run.output
    assert all(is_valid_unless_busy(step) for step in run.result.steps)
    assert "rooms" in run.output
    assert "misrouted" in run.output


@pytest.mark.long
def test_members_who_leave_come_back_to_their_own_room(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    flags = (*LOAD_FLAGS, "--steps", "9", "--rooms", "3", "--reconnect-at", "0.3", "--reconnect-jitter", "0.2")
    step = only_step(run_swarm(start_server().url, tmp_path / "out.json", *flags))
    assert (step.missing, step.misrouted, step.foreign) == (0, 0, 0)
    assert step.withdrawn_messages + step.planned_messages == 120


@pytest.mark.long
def test_a_server_that_mixes_rooms_up_is_caught(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    flags = (*LOAD_FLAGS, "--steps", "6", "--rooms", "3", "--url-path", "/chat?user_id={user}&colour={room}")
    run = run_swarm(start_server().url, tmp_path / "out.json", *flags, "--no-rehearsal")
    step = only_step(run)
    assert (step.expected, step.missing, step.misrouted) == (240, 0, 120 * 4)
    assert run.exit_code == 1
    assert "reached members of another room" in run.output
