"""Users that drop and come back as the same members: what they read last, and what they have to get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import OptionError
from loadtest.ledger.aggregate import Aggregate
from loadtest.ledger.ledger import judge
from loadtest.ledger.records import NEVER, Absences, Deliveries, Members, Sends
from loadtest.protocols.plain import Numbers, Plain
from loadtest.schedule.churn import Churn
from server.frames import text_frame
from server.history import History
from server.message import Gap, Message, Welcome
from server.testing.server_process import ServerProcess
from tests.loadtest.test_churn import ORDER, SECOND_NS
from tests.loadtest.test_ledger import WINDOW, Rows, columns, delivery
from tests.loadtest.test_rooms import options
from tests.swarm_process import is_valid_unless_busy, only_step, run_swarm

EPOCH = "0123456789abcdef"


def said(first: int, count: int) -> list[bytes]:
    """Return frames of messages and notices, numbered from `first` on."""
    history = History(0, EPOCH, first - 1)
    tricky = ('she said ,"event":"user","offset":99}', "x" * 200, '}","offset":', "")
    messages = [
        Message.joined("bob") if number % 5 == 0 else Message.said("alice", tricky[number % len(tricky)])
        for number in range(count)
    ]
    return [text_frame(history.add(message.encode()).payload) for message in messages]


def read_in_parts(numbers: Numbers, data: bytes, cuts: Sequence[int]) -> None:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        if start < end:
            numbers.read(data[start:end])


@given(st.integers(0, 20), st.integers(0, 12), st.lists(st.integers(0, 10_000), max_size=30), st.integers(0, 10_000))
def test_the_last_whole_message_is_how_far_a_user_has_read(before: int, count: int, cuts: list[int], end: int) -> None:
    """However its reads were cut, and wherever the connection ended."""
    frames = [text_frame(Welcome(EPOCH, before).encode()), *said(before + 1, count)]
    data = b"".join(frames)
    end %= len(data) + 1
    numbers = Numbers()
    read_in_parts(numbers, data[:end], cuts)
    whole = int((np.cumsum([len(frame) for frame in frames]) <= end).sum())
    assert numbers.since == (f"{EPOCH}:{before + whole - 1}" if whole else "")


def test_a_welcome_back_is_not_how_far_a_user_has_read() -> None:
    numbers = Numbers()
    numbers.read(text_frame(Welcome(EPOCH, 0).encode()) + b"".join(said(1, 3)))
    numbers.reconnect()
    numbers.read(text_frame(Welcome(EPOCH, 9).encode()))
    assert numbers.since == f"{EPOCH}:3"
    numbers.read(text_frame(Gap(EPOCH, 9, 2, exact=True).encode()) + said(6, 1)[0])
    assert numbers.since == f"{EPOCH}:6"


def test_in_a_new_epoch_a_user_has_read_nothing() -> None:
    numbers = Numbers()
    numbers.read(text_frame(Welcome(EPOCH, 7).encode()))
    numbers.reconnect()
    numbers.read(text_frame(Welcome("f" * 16, 5).encode()))
    assert numbers.since == f"{'f' * 16}:0"


def test_the_rest_of_a_lost_connection_is_not_read_on() -> None:
    numbers = Numbers()
    first = text_frame(Welcome(EPOCH, 0).encode()) + said(1, 1)[0]
    numbers.read(first + said(2, 1)[0][:-3])
    numbers.reconnect()
    numbers.read(b"23}")
    assert numbers.since == f"{EPOCH}:1"


# Flags


def test_who_resumes_says_since_when() -> None:
    assert options().endpoint.url_path == Plain.url_path
    endpoint = options("--resume").endpoint
    assert endpoint.url_path == Plain.url_path + "&since={since}"
    assert endpoint.bookmark() is not None
    assert options("--resume", "--url-path", "/x?user_id={user}&from={since}").endpoint.url_path.count("{since}") == 1
    with pytest.raises(OptionError, match="--resume needs a protocol whose messages have numbers"):
        options("--resume", "--protocol", "stomp")


def test_drops_are_poisson_and_away_for_a_time_at_random() -> None:
    departures = Churn(0.0, 0, 2.0, drop_rate=50.0).departures(ORDER, np.random.default_rng(1))
    times = np.array([departure.time_ns for departure in departures])
    assert abs(len(times) - 22 * 50) < 5 * np.sqrt(22 * 50)
    assert (np.diff(times) >= 0).all()
    assert 0 <= times[0] < times[-1] < 22 * SECOND_NS
    assert all(departure.is_drop for departure in departures)
    away_s = np.array([departure.away_s for departure in departures])
    assert 0 <= away_s.min() < away_s.mean() < away_s.max() <= 2
    assert away_s.mean() == pytest.approx(1, abs=0.1)


# The ledger

ROOM = [(1, 0, NEVER), (2, 0, NEVER)]
SENDS = [(1, 0, 110, 110), (1, 1, 130, 130), (1, 2, 150, 150), (1, 3, 170, 170)]
LIVE = [delivery(1, 1, seq, due, due + 5) for _, seq, due, _ in SENDS]


def judged(deliveries: Rows, absences: Rows) -> Aggregate:
    aggregate = Aggregate()
    records = (columns(Members, ROOM), columns(Sends, SENDS), columns(Deliveries, deliveries))
    aggregate.add(judge(WINDOW, *records, absences=columns(Absences, absences)))
    return aggregate


def test_what_came_after_a_return_counts_from_then_and_in_no_other_latency() -> None:
    replays = [delivery(2, 1, 0, 110, 115), *(delivery(2, 1, seq, due, 164) for seq, due in ((1, 130), (2, 150)))]
    aggregate = judged([*LIVE, *replays, delivery(2, 1, 3, 170, 175)], [(2, 125, 160)])
    counts = aggregate.counts
    assert (counts.expected, counts.delivered, counts.missing, counts.replayed) == (8, 8, 0, 2)
    assert aggregate.latency.get_total_count() == 6
    assert aggregate.replay.get_total_count() == 2
    assert aggregate.figures().replay_ms is not None
    (row,) = aggregate.figures().timeline
    assert (row.expected, row.delivered) == (6, 6)


def test_what_was_missed_and_did_not_come_back_is_missing() -> None:
    came = [delivery(2, 1, 0, 110, 115), delivery(2, 1, 2, 150, 164), delivery(2, 1, 3, 170, 175)]
    counts = judged([*LIVE, *came], [(2, 125, 160)]).counts
    assert (counts.missing, counts.replayed, counts.duplicates) == (1, 1, 0)


def test_a_message_that_comes_again_after_a_return_is_a_duplicate() -> None:
    twice = [delivery(2, 1, 0, 110, 115), delivery(2, 1, 0, 110, 164)]
    counts = judged([*LIVE, *twice], [(2, 125, 160)]).counts
    assert (counts.duplicates, counts.replayed) == (1, 0)


def test_who_did_not_come_back_misses_what_was_said() -> None:
    counts = judged([*LIVE, delivery(2, 1, 0, 110, 115)], [(2, 125, NEVER)]).counts
    assert (counts.missing, counts.replayed) == (3, 0)
    assert judged(LIVE, []).figures().replay_ms is None


@given(
    st.lists(st.tuples(st.integers(1, 2), st.integers(100, 230), st.integers(1, 40)), max_size=6),
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(0, 3), st.integers(0, 60)), max_size=8, unique_by=lambda d: d[:2]
    ),
)
def test_replays_agree_with_their_definition(
    away: list[tuple[int, int, int]], came: list[tuple[int, int, int]]
) -> None:
    """A delivery is a replay if its message was due before the last return of its receiver before it arrived."""
    absences = [(member, from_ns, from_ns + length) for member, from_ns, length in away]
    deliveries = [delivery(member, 1, seq, SENDS[seq][2], SENDS[seq][2] + late) for member, seq, late in came]
    expected = []
    for receiver, _, _, due_ns, arrival_ns, *_ in deliveries:
        returns = [until for member, _, until in absences if member == receiver and until <= arrival_ns]
        if arrival_ns <= WINDOW.drain_end_ns and returns and due_ns < max(returns):
            expected.append(arrival_ns - max(returns))
    records = (columns(Members, ROOM), columns(Sends, SENDS), columns(Deliveries, deliveries))
    judgement = judge(WINDOW, *records, absences=columns(Absences, absences))
    assert sorted(judgement.replay.tolist()) == sorted(expected)
    assert len(judgement.latency) + len(judgement.replay) == judgement.counts.delivered


# With a real server

DROPS = (
    *("--only-summary", "-r", "200", "--steps", "10", "--dwell", "5", "--warmup", "0.5", "--drain", "10"),
    *("--room-rate", "100", "--arrival", "constant", "--resume", "--drop-rate", "4", "--reconnect-jitter", "0.5"),
)


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["coalesced", "direct", "queue", "gather"])
def test_nothing_is_missing_and_nothing_comes_twice(
    start_server: Callable[..., ServerProcess], tmp_path: Path, strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--notice-limit", "0")
    run = run_swarm(server.url, tmp_path / "out.json", *DROPS)
    step = only_step(run)
    assert (step.missing, step.duplicates, step.reordered, step.foreign) == (0, 0, 0, 0), run.output
    assert step.expected == 10 * step.planned_messages
    assert step.replayed > 0
    assert step.replay_ms is not None
    assert step.withdrawn_messages > 0
    assert is_valid_unless_busy(step), step.reasons
    assert server.stats()["replayed"] >= step.replayed
    assert "Deliveries to members that came back" in run.output


@pytest.mark.long
def test_in_rooms_too(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    run = run_swarm(start_server().url, tmp_path / "out.json", *DROPS, "--rooms", "3")
    step = only_step(run)
    assert (step.missing, step.duplicates, step.misrouted) == (0, 0, 0), run.output
    assert step.replayed > 0


@pytest.mark.long
def test_what_the_server_does_not_keep_is_missing(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    run = run_swarm(start_server("--history", "1").url, tmp_path / "out.json", *DROPS)
    step = only_step(run)
    assert step.missing > 0
    assert run.exit_code == 1


@pytest.mark.long
def test_a_server_that_does_not_let_users_resume_is_told(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    path = ("--url-path", "/chat?user_id={user}&from={since}")
    step = only_step(run_swarm(start_server().url, tmp_path / "out.json", *DROPS, *path))
    assert any("the server does not say where a room is" in reason for reason in step.reasons)
    assert step.missing > 0
