"""The ledger against a slow oracle in plain Python that follows the definitions word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.ledger.aggregate import Aggregate
from loadtest.ledger.drain import Drain
from loadtest.ledger.ledger import Judgement, judge
from loadtest.ledger.records import NEVER, Columns, Deliveries, Members, Sends, Window
from loadtest.ledger.timeline import seconds_of

Rows = Sequence[tuple[int, ...]]
Kind = TypeVar("Kind", bound=Columns)
WINDOW = Window(start_ns=100, end_ns=200, drain_end_ns=250, leave_margin_ns=20)


def columns(kind: type[Kind], rows: Rows) -> Kind:
    """Make records; members are in room 0 where a row does not say more."""
    if kind is Members:
        rows = [(*row, 0)[:4] for row in rows]
    return kind(*np.array(rows, np.int64).reshape(-1, len(fields(kind))).T)  # type: ignore[arg-type]


def delivery(receiver: int, sender: int, seq: int, due_ns: int, arrival_ns: int, corrupted: int = 0) -> tuple[int, ...]:
    return receiver, sender, seq, due_ns, arrival_ns, arrival_ns, arrival_ns, corrupted


def judged(members: Rows, sends: Rows, deliveries: Rows) -> Judgement:
    return judge(WINDOW, columns(Members, members), columns(Sends, sends), columns(Deliveries, deliveries))


@st.composite
def rooms(draw: st.DrawFn) -> tuple[Rows, Rows, Rows]:
    numbers = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True))
    members = [
        (number, draw(st.integers(0, 160)), draw(st.one_of(st.just(NEVER), st.integers(160, 230))))
        for number in numbers
    ]
    sends = []
    for sender in draw(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)):
        for seq, due_ns in enumerate(sorted(draw(st.lists(st.integers(80, 220), max_size=4)))):
            sends.append((sender, seq, due_ns, draw(st.one_of(st.just(NEVER), st.integers(due_ns, due_ns + 5)))))
    possible = [
        delivery(receiver, sender, seq, due_ns, arrival_ns, corrupted)
        for receiver in (*numbers, 99)
        for sender, seq, due_ns, sent_ns in [*sends, (98, 0, 150, 150)]
        if sent_ns != NEVER
        for arrival_ns in (sent_ns + 1, sent_ns + 90)
        for corrupted in (0, 1)
    ]
    deliveries = draw(st.lists(st.sampled_from(possible), max_size=30)) if possible else []
    return members, sends, deliveries


def slowly(members: Rows, sends: Rows, deliveries: Rows) -> dict[str, object]:
    all_known = {(sender, seq, due_ns) for sender, seq, due_ns, _ in sends if due_ns < 200}
    sends = [send for send in sends if 100 <= send[2] < 200]
    known = {(sender, seq, due_ns) for sender, seq, due_ns, _ in sends}
    result: dict[str, int] = dict.fromkeys(
        ("expected", "delivered", "late", "duplicates", "reordered", "not_judged", "foreign", "corrupted"), 0
    )
    latency = []
    for receiver, sender, seq, due_ns, *_ in deliveries:
        if 100 <= due_ns < 200 and not (
            (sender, seq, due_ns) in known and receiver in [number for number, *_ in members]
        ):
            result["foreign"] += 1
    corrupted, deliveries = [d for d in deliveries if d[7]], [d for d in deliveries if not d[7]]
    for number, joined_ns, left_ns in members:
        newest: dict[int, int] = {}
        seen = set()
        for receiver, sender, seq, due_ns, *_ in deliveries:
            if receiver == number and (sender, seq, due_ns) in all_known and (sender, seq) not in seen:
                seen.add((sender, seq))
                # A message of the warm-up counts only where one of the window came before it.
                result["reordered"] += seq < newest.get(sender, -1)
                if due_ns >= 100:
                    newest[sender] = max(seq, newest.get(sender, -1))
        for sender, seq, due_ns, sent_ns in sends:
            if not joined_ns <= due_ns <= left_ns:
                continue
            if left_ns != NEVER and due_ns > left_ns - 20:
                result["not_judged"] += 1
                continue
            result["expected"] += 1
            arrivals = [d[4] for d in deliveries if d[:4] == (number, sender, seq, due_ns)]
            if arrivals and arrivals[0] <= 250:
                result["delivered"] += 1
                latency.append(arrivals[0] - sent_ns)
            elif arrivals:
                result["late"] += 1
            result["duplicates"] += max(len(arrivals) - 1, 0)
            result["corrupted"] += len([d for d in corrupted if d[:4] == (number, sender, seq, due_ns)])
    return {**result, "latency": sorted(latency)}


@given(rooms())
def test_the_ledger_agrees_with_the_definitions(
    room: tuple[Rows, Rows, Rows],
) -> None:
    judgement = judged(*room)
    expected = slowly(*room)
    assert {name: getattr(judgement.counts, name) for name in expected if name != "latency"} | {
        "latency": sorted(judgement.latency.tolist())
    } == expected
    assert judgement.counts.missing == judgement.counts.expected - judgement.counts.delivered


ROOM = [(1, 0, NEVER), (2, 0, NEVER)]
SENDS = [(1, 0, 110, 111), (1, 1, 120, 121)]
ALL = [delivery(receiver, 1, seq, due, due + 10) for receiver in (1, 2) for seq, due in ((0, 110), (1, 120))]


def test_all_arrived() -> None:
    judgement = judged(ROOM, SENDS, ALL)
    assert (
        judgement.counts.expected,
        judgement.counts.missing,
        judgement.counts.duplicates,
        judgement.counts.reordered,
    ) == (4, 0, 0, 0)
    assert judgement.latency.tolist() == [9, 9, 9, 9]
    assert judgement.response.tolist() == [10, 10, 10, 10]
    assert judgement.schedule_lag.tolist() == [1, 1]
    assert judgement.last_receiver.tolist() == [9, 9]


def test_a_duplicate_does_not_compensate_for_a_loss() -> None:
    judgement = judged(ROOM, SENDS, [*ALL[:3], ALL[0]])
    assert (judgement.counts.missing, judgement.counts.duplicates) == (1, 1)
    assert judgement.last_receiver.tolist() == [9, NEVER]


def test_a_message_that_was_never_sent_is_missing_for_all() -> None:
    judgement = judged(ROOM, [SENDS[0], (1, 1, 120, NEVER)], [ALL[0], ALL[2]])
    assert (judgement.counts.planned_messages, judgement.counts.offered_messages, judgement.counts.missing) == (2, 1, 2)
    assert judgement.outstanding == 0, "what was not sent cannot be under way"


def test_without_an_echo_a_sender_is_not_expected_to_receive_its_own() -> None:
    window = replace(WINDOW, has_echo=False)
    others = [delivery for delivery in ALL if delivery[0] != delivery[1]]
    records = (columns(Members, ROOM), columns(Sends, SENDS), columns(Deliveries, others))
    counts = judge(window, *records).counts
    assert (counts.expected, counts.missing, counts.not_judged) == (len(others), 0, 0)
    assert judge(WINDOW, *records).counts.missing == len(ALL) - len(others)
    assert counts.echoes == 0
    with_echo = judge(window, *records[:2], columns(Deliveries, ALL)).counts
    assert (with_echo.missing, with_echo.echoes) == (0, len(ALL) - len(others)), "told, though none is expected"


def test_what_did_not_arrive_in_time_is_outstanding() -> None:
    late = delivery(2, 1, 0, 110, WINDOW.drain_end_ns + 1)
    assert judged(ROOM, SENDS, ALL).outstanding == 0
    assert judged(ROOM, SENDS, [*ALL[:2], late]).outstanding == 2


def test_messages_that_were_withdrawn_from_the_plan_are_counted() -> None:
    withdrawn = columns(Sends, [(3, 0, 99, NEVER), (3, 1, 100, NEVER), (3, 2, 199, NEVER), (3, 3, 200, NEVER)])
    records = (columns(Members, ROOM), columns(Sends, SENDS), columns(Deliveries, ALL))
    counts = judge(WINDOW, *records, withdrawn).counts
    assert (counts.planned_messages, counts.withdrawn_messages, counts.missing) == (2, 2, 0)


def test_a_message_has_a_first_and_a_last_receiver() -> None:
    judgement = judged(ROOM, SENDS, [*ALL[:2], delivery(2, 1, 0, 110, 125)])
    assert judgement.first_receiver.tolist() == [9, 9]
    assert judgement.last_receiver.tolist() == [14, NEVER]
    assert judgement.spread.tolist() == [5, NEVER]


def test_positions_are_tenths_of_the_room_by_order_of_joining() -> None:
    members = [(number, 100 - number, NEVER) for number in range(20)]
    deliveries = [delivery(number, 1, 0, 110, 200 - number) for number in range(1, 20)]
    judgement = judged(members, [(1, 0, 110, 110)], deliveries)
    # Number 19 joined first, number 0, which misses the message, last.
    assert judgement.latency[judgement.position == 0].tolist() == [72, 71]
    assert judgement.latency[judgement.position == 9].tolist() == [89]
    assert judgement.missing_by_position.tolist() == [0] * 9 + [1]


def test_the_uncertainty_of_an_arrival_is_cut_at_its_sending() -> None:
    floors = [(1, 1, 0, 110, 130, 90, 131, 0), (2, 1, 0, 110, 130, 128, 131, 0)]
    judgement = judged(ROOM, SENDS[:1], floors)
    assert judgement.uncertainty.tolist() == [19, 2]
    assert judgement.latency.tolist() == [19, 19]
    assert judgement.latency_lower.tolist() == [0, 17]
    assert judgement.read_lag.tolist() == [1, 1]


def test_a_corrupted_delivery_is_missing_unless_a_whole_one_comes_too() -> None:
    cut = [(*row[:-1], 1) for row in ALL[:2]]
    counts = judged(ROOM, SENDS, [*cut, *ALL[1:]]).counts
    assert (counts.expected, counts.delivered, counts.missing) == (4, 3, 1)
    assert (counts.corrupted, counts.duplicates, counts.reordered, counts.foreign) == (2, 0, 0, 0)
    drain = Drain(columns(Sends, SENDS), columns(Members, ROOM), columns(Sends, []))
    drain.add(columns(Deliveries, [*cut, *ALL[2:]]))
    assert drain.outstanding == 2


def test_what_arrives_before_it_was_sent_is_counted_and_kept() -> None:
    judgement = judged(ROOM, SENDS, [*ALL[:3], delivery(2, 1, 1, 120, 117)])
    assert judgement.counts.negative_latencies == 1
    assert sorted(judgement.latency.tolist()) == [-4, 9, 9, 9]
    aggregate = Aggregate()
    aggregate.add(judgement)
    assert aggregate.figures().lowest_latency_ns == -4


SECOND = 1_000_000_000
EDGES = {"warm-up": (SECOND, 2 * SECOND), "first": (2 * SECOND, 3 * SECOND), "second": (3 * SECOND, 4 * SECOND)}
MESSAGES = [(1, seq, SECOND + seq * SECOND // 4, SECOND + seq * SECOND // 4) for seq in range(12)]


def disorder(seen: dict[int, Sequence[int]]) -> list[tuple[int, int]]:
    """Judge two windows that follow one another, after a warm-up; `seen` are the messages each member got, in order."""
    rows = [
        delivery(receiver, *MESSAGES[seq][:3], 4 * SECOND + place)
        for receiver, order in seen.items()
        for place, seq in enumerate(order)
    ]
    members = columns(Members, [(number, 0, NEVER) for number in seen])
    found = []
    for name, earlier in (("first", []), ("second", MESSAGES[4:8])):
        window = Window(*EDGES[name], 9 * SECOND, 0)
        sends = [send for send in MESSAGES if send not in earlier and send[2] < window.end_ns]
        sends = sends if name == "first" else [send for send in sends if send[2] >= window.start_ns]
        records = (members, columns(Sends, sends), columns(Deliveries, rows))
        counts = judge(window, *records, earlier=columns(Sends, earlier)).counts
        found.append((counts.reordered, counts.order_conflicts))
    return found


@pytest.mark.parametrize(
    ("order", "by_window"),
    [
        (range(12), [0, 0]),
        ([0, 1, 3, 2, *range(4, 12)], [0, 0]),  # within the warm-up
        ([0, 1, 2, 4, 3, *range(5, 12)], [1, 0]),  # across the edge of the warm-up
        ([*range(5), 6, 5, *range(7, 12)], [1, 0]),
        ([*range(7), 8, 7, *range(9, 12)], [0, 1]),  # across the edge between the windows
        ([*range(6), 7, 8, 6, *range(9, 12)], [1, 0]),  # overtaken on both sides: counted in its own
        ([*range(4), 5, 6, 7, 8, 4, *range(9, 12)], [1, 0]),
        ([*range(7), 8, 9, 10, 7, 11], [0, 1]),
        ([*range(8), 8, 7, *range(9, 12)], [0, 0]),  # a second copy is no inversion
    ],
)
def test_an_inversion_across_an_edge_is_counted_once(order: Sequence[int], by_window: list[int]) -> None:
    assert disorder({1: order}) == [(count, 0) for count in by_window]
    if len(set(order)) == len(order):
        assert disorder({1: range(12), 2: order}) == [(count, count) for count in by_window]


def test_saturation_is_a_backlog_that_grows() -> None:
    sends = [(1, n, 100 + n, 100 + n) for n in range(100)]
    steady = [delivery(r, 1, n, 100 + n, 105 + n) for r in (1, 2) for n in range(100)]
    falling_behind = [delivery(r, 1, n, 100 + n, 100 + n + n // 2) for r in (1, 2) for n in range(100)]
    assert judged(ROOM, sends, steady).backlog_growth == 0
    # Of three that are sent, two arrive.
    assert judged(ROOM, sends, falling_behind).backlog_growth == pytest.approx(1 / 3, abs=0.02)


@given(rooms())
def test_the_drain_ends_once_nothing_that_can_arrive_is_missing(
    room: tuple[Rows, Rows, Rows],
) -> None:
    members, sends, deliveries = room
    members = [(number, joined, NEVER) for number, joined, _ in members]
    judgement = judged(members, sends, deliveries)
    planned = columns(Sends, [send for send in sends if 100 <= send[2] < 200])
    never_sent = columns(Sends, [send for send in sends if send[3] == NEVER])
    drain = Drain(planned, columns(Members, members), never_sent)
    for one in deliveries:
        drain.add(columns(Deliveries, [one]))
    unsent_pairs = sum(
        joined <= due for _, joined, _ in members for _, _, due, sent in sends if 100 <= due < 200 and sent == NEVER
    )
    assert drain.outstanding == judgement.counts.missing - judgement.counts.late - unsent_pairs


def test_each_second_has_its_own_row_of_what_was_due_in_it() -> None:
    window = Window(0, 2_500_000_000, 9_000_000_000, 0)
    sends = [(1, 0, 100, 100), (1, 1, 1_500_000_000, 1_500_000_000)]
    arrivals = [delivery(1, 1, 0, 100, 3_000_100), delivery(2, 1, 0, 100, 1_000_100)]
    arrivals.append(delivery(1, 1, 1, 1_500_000_000, 1_502_000_000))
    rows = list(seconds_of(judge(window, columns(Members, ROOM), columns(Sends, sends), columns(Deliveries, arrivals))))
    assert [(row.start_ns, row.messages, row.expected, row.delivered) for row in rows] == [
        (0, 1, 2, 2),
        (1_000_000_000, 1, 2, 1),
        (2_000_000_000, 0, 0, 0),
    ]
    assert [(row.p50, row.p99, row.max) for row in rows] == [(1.0, 3.0, 3.0), (2.0, None, None), (None, None, None)]


def test_withdrawn_messages_belong_to_the_second_they_were_due_in() -> None:
    second_ns = 1_000_000_000
    window = Window(start_ns=second_ns, end_ns=4 * second_ns, drain_end_ns=4 * second_ns, leave_margin_ns=0)
    due_ns = [second_ns - 1, second_ns, 2 * second_ns - 1, 3 * second_ns, 4 * second_ns]
    withdrawn = columns(Sends, [(3, seq, due, NEVER) for seq, due in enumerate(due_ns)])
    records = (columns(Members, ROOM), columns(Sends, []), columns(Deliveries, []))
    judgement = judge(window, *records, withdrawn)
    assert [(row.messages, row.withdrawn) for row in seconds_of(judgement)] == [(0, 2), (0, 0), (0, 1)]
    assert judgement.counts.withdrawn_messages == 3


@given(st.integers(0, 10**9), st.integers(1, 4 * 10**9), st.lists(st.integers(0, 5 * 10**9), max_size=20))
def test_withdrawn_messages_by_second_agree_with_their_definition(
    start_ns: int, length_ns: int, due_ns: list[int]
) -> None:
    end_ns = start_ns + length_ns
    withdrawn = columns(Sends, [(3, seq, due, NEVER) for seq, due in enumerate(due_ns)])
    records = (columns(Members, ROOM), columns(Sends, [(1, 0, start_ns, start_ns)]), columns(Deliveries, []))
    judgement = judge(Window(start_ns, end_ns, end_ns, 0), *records, withdrawn)
    by_second = [
        sum(second_ns <= due < min(second_ns + 10**9, end_ns) for due in due_ns)
        for second_ns in range(start_ns, end_ns, 10**9)
    ]
    assert [row.withdrawn for row in seconds_of(judgement)] == by_second
    assert judgement.counts.withdrawn_messages == sum(by_second)


def test_order_conflicts_are_counted_against_the_first_receiver() -> None:
    sends = [(1, 0, 110, 111), (2, 0, 120, 121), (3, 0, 130, 131)]
    seen = {1: (1, 2, 3), 2: (1, 2, 3), 3: (3, 1, 2)}
    arrivals = [
        delivery(receiver, sender, 0, 100 + 10 * sender, 140) for receiver, order in seen.items() for sender in order
    ]
    judgement = judged([(number, 0, NEVER) for number in seen], sends, arrivals)
    assert judgement.counts.order_conflicts == 2
    assert judgement.counts.reordered == 0


def test_an_aggregate_sums_windows_and_puts_missing_at_the_top() -> None:
    aggregate = Aggregate()
    aggregate.add(judged(ROOM, SENDS, ALL))
    aggregate.add(judged(ROOM, SENDS, ALL[:3]))
    assert (aggregate.windows, aggregate.counts.expected, aggregate.counts.delivered) == (2, 8, 7)
    assert aggregate.latency.get_total_count() == 8
    assert aggregate.last_receiver.get_total_count() == 4
