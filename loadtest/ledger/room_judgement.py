"""Judges a window in one room: every message of its members, at every member where it is expected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from loadtest.ledger.backlog import Booleans, Room
from loadtest.ledger.order import count_disorder, is_first
from loadtest.ledger.records import NEVER, Absences, Deliveries, Integers, Members, Sends, Window, key, match
from loadtest.ledger.replay import returned_ns
from loadtest.ledger.result import Counts

POSITIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomJudgement:
    """The counts and times of a window's messages in one room, or in all; nanoseconds.

    `latency`, `latency_lower` (of the arrival's lower bound), `response` (from due), `uncertainty` (by how much the
    arrival may be too late) and `read_lag` have one value a delivery, `schedule_lag` one a
    message that was sent, `first_receiver`, `last_receiver` and `spread` (last less first) one a message that is
    expected anywhere, `NEVER` where a member missed it, or all did.
    `position` has one value a delivery: the tenth of the room, 0 to 9 by order of joining, that its receiver is in;
    `missing_by_position` has one a tenth. `second` has one value a delivery: how many whole seconds after the window's
    start its message was due; `messages_by_second` and `expected_by_second` have one a second.
    `outstanding` counts the deliveries of sent messages, to members that did not leave, that came after the drain or
    never. `replay` has one value a delivery that its receiver got after it had come back: since it began to. These are
    in the counts, and in nothing else.
    """

    counts: Counts
    outstanding: int
    latency: Integers
    latency_lower: Integers
    response: Integers
    uncertainty: Integers
    read_lag: Integers
    schedule_lag: Integers
    first_receiver: Integers
    last_receiver: Integers
    spread: Integers
    position: Integers
    missing_by_position: Integers
    second: Integers
    messages_by_second: Integers
    expected_by_second: Integers
    replay: Integers


@dataclass(frozen=True, slots=True)
class Traffic:
    """A room's deliveries with the latest arrivals that are possible; those of `pairs` may be earlier by so much."""

    latest: Room
    pairs: tuple[Integers, Integers]
    uncertainty: Integers

    def earliest(self) -> Room:
        """Return them with the earliest arrivals."""
        arrival = self.latest.arrival.copy()
        arrival[self.pairs] -= self.uncertainty
        return replace(self.latest, arrival=arrival)


def judge_room(
    window: Window,
    members: Members,
    sends: Sends,
    deliveries: Deliveries,
    earlier: Sends,
    absences: Absences,
) -> tuple[RoomJudgement, Traffic]:
    """Judge the messages of a room; arguments and rules are those of `ledger.judge`, of this room alone."""
    all_sends, all_deliveries = sends, deliveries
    sends = sends.select((sends.due_ns >= window.start_ns) & (sends.due_ns < window.end_ns))
    sends = sends.select(np.argsort(key(sends.sender, sends.seq)))
    members = members.select(np.argsort(members.member))
    messages, receivers = len(sends.seq), len(members.member)

    deliveries = deliveries.select((deliveries.due_ns >= window.start_ns) & (deliveries.due_ns < window.end_ns))
    in_window = len(deliveries.seq)
    message, matched = match(key(sends.sender, sends.seq), key(deliveries.sender, deliveries.seq))
    receiver, known = match(members.member, deliveries.receiver)
    matched &= known
    matched[matched] = sends.due_ns[message[matched]] == deliveries.due_ns[matched]
    foreign = in_window - int(matched.sum())
    matched[matched] = sends.sent_ns[message[matched]] != NEVER
    deliveries, message, receiver = deliveries.select(matched), message[matched], receiver[matched]
    is_expected = expected_pairs(window, members, sends)
    is_corrupted = deliveries.corrupted == 1
    corrupted = int((is_corrupted & is_expected[message, receiver]).sum())
    deliveries, message, receiver = deliveries.select(~is_corrupted), message[~is_corrupted], receiver[~is_corrupted]

    pair = message * receivers + receiver
    copies = np.bincount(pair, minlength=messages * receivers).reshape(messages, receivers)
    first_copy = is_first(pair, messages * receivers)
    deliveries, message, receiver = deliveries.select(first_copy), message[first_copy], receiver[first_copy]
    arrival = np.full((messages, receivers), NEVER, np.int64)
    arrival[message, receiver] = deliveries.arrival_ns

    not_judged = ~is_expected & _can_receive(window, members, sends)
    in_time = is_expected & (arrival <= window.drain_end_ns)

    is_in_time = in_time[message, receiver]
    back_ns = returned_ns(members, absences, receiver, deliveries.due_ns, deliveries.arrival_ns)
    is_replay = is_in_time & (back_ns != NEVER)
    is_live = is_in_time & ~is_replay
    replay = (deliveries.arrival_ns - back_ns)[is_replay]
    is_for_present = is_expected
    if len(replay):
        is_for_present = is_expected.copy()
        is_for_present[message[is_replay], receiver[is_replay]] = False
    live_arrival = np.where(in_time & is_for_present, arrival, NEVER)
    judged, judged_message, judged_receiver = deliveries.select(is_live), message[is_live], receiver[is_live]
    sent_ns = sends.sent_ns[judged_message]
    was_sent = sends.sent_ns != NEVER
    is_for_anybody = is_for_present.any(axis=1)
    first = live_arrival.min(axis=1, initial=NEVER)
    last = np.where(is_for_present, live_arrival, 0).max(axis=1, initial=0)
    position = np.argsort(np.argsort(members.joined_ns, kind="stable")) * POSITIONS // max(receivers, 1)
    second = (sends.due_ns - window.start_ns) // 1_000_000_000
    seconds = seconds_in(window)
    expected, delivered = int(is_expected.sum()), int(in_time.sum())
    reordered, order_conflicts = count_disorder(window, members, all_sends, earlier, all_deliveries)
    latency = judged.arrival_ns - sent_ns
    uncertainty = judged.arrival_ns - np.minimum(np.maximum(judged.floor_ns, sent_ns), judged.arrival_ns)
    latest = Room(sends, is_for_present, live_arrival)
    judgement = RoomJudgement(
        counts=Counts(
            planned_messages=messages,
            offered_messages=int(was_sent.sum()),
            expected=expected,
            delivered=delivered,
            missing=expected - delivered,
            late=int((is_expected & ~in_time & (copies > 0)).sum()),
            duplicates=int((copies - 1)[is_expected & (copies > 1)].sum()),
            reordered=reordered,
            order_conflicts=order_conflicts,
            foreign=foreign,
            not_judged=int(not_judged.sum()),
            corrupted=corrupted,
            negative_latencies=int((judged.arrival_ns < sent_ns).sum()),
            replayed=len(replay),
            echoes=int((sends.sender[message] == members.member[receiver]).sum()) if not window.has_echo else 0,
        ),
        outstanding=int((is_expected & ~in_time & was_sent[:, None])[:, members.left_ns == NEVER].sum()),
        latency=latency,
        latency_lower=latency - uncertainty,
        response=judged.arrival_ns - judged.due_ns,
        uncertainty=uncertainty,
        read_lag=judged.read_ns - judged.arrival_ns,
        schedule_lag=(sends.sent_ns - sends.due_ns)[was_sent],
        first_receiver=np.where(first == NEVER, NEVER, first - sends.sent_ns)[is_for_anybody],
        last_receiver=np.where(last == NEVER, NEVER, last - sends.sent_ns)[is_for_anybody],
        spread=np.where(last == NEVER, NEVER, last - first)[is_for_anybody],
        position=position[judged_receiver],
        missing_by_position=np.bincount(position, (is_expected & ~in_time).sum(axis=0), POSITIONS).astype(np.int64),
        second=second[judged_message],
        messages_by_second=np.bincount(second, minlength=seconds),
        expected_by_second=np.bincount(second, is_for_present.sum(axis=1), seconds).astype(np.int64),
        replay=replay,
    )
    return judgement, Traffic(latest, (judged_message, judged_receiver), uncertainty)


def expected_pairs(window: Window, members: Members, sends: Sends) -> Booleans:
    """Tell for each message (row) and member (column) whether a delivery is expected."""
    expected_until = np.where(members.left_ns == NEVER, NEVER, members.left_ns - window.leave_margin_ns)
    return _can_receive(window, members, sends) & (sends.due_ns[:, None] <= expected_until[None, :])


def _can_receive(window: Window, members: Members, sends: Sends) -> Booleans:
    """Tell who was in the room when a message was due; without an echo its sender receives no copy."""
    due_ns = sends.due_ns[:, None]
    was_in = (members.joined_ns[None, :] <= due_ns) & (due_ns <= members.left_ns[None, :])
    return was_in if window.has_echo else was_in & (sends.sender[:, None] != members.member[None, :])


def seconds_in(window: Window) -> int:
    """Return how many seconds a window has, the last one perhaps not whole."""
    return -(-(window.end_ns - window.start_ns) // 1_000_000_000)
