"""Judges a window exactly: every message that was due in it, at every member where it is expected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from loadtest.ledger.backlog import backlog_growth
from loadtest.ledger.order import count_disorder, is_first
from loadtest.ledger.records import NEVER, Deliveries, Integers, Members, Sends, Window, key, match
from loadtest.ledger.result import Counts
from loadtest.ledger.validity_limits import MAX_BACKLOG_GROWTH

POSITIONS = 10
_NONE = Sends.concatenate([])


@dataclass(frozen=True, slots=True)
class Judgement:
    """The counts and times of a window's messages; nanoseconds.

    `latency`, `latency_lower` (of the arrival's lower bound), `response` (from due), `uncertainty` (by how much the
    arrival may be too late) and `read_lag` have one value a delivery, `schedule_lag` one a
    message that was sent, `first_receiver`, `last_receiver` and `spread` (last less first) one a message that is
    expected anywhere, `NEVER` where a member missed it, or all did.
    `position` has one value a delivery: the tenth of the room, 0 to 9 by order of joining, that its receiver is in;
    `missing_by_position` has one a tenth. `second` has one value a delivery: how many whole seconds after the window's
    start its message was due; `messages_by_second`, `expected_by_second` and `withdrawn_by_second`
    (messages) have one a second.
    `outstanding` counts the deliveries of sent messages, to members that did not leave, that came after the drain or
    never.
    """

    start_ns: int
    counts: Counts
    outstanding: int
    backlog_growth: float
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
    withdrawn_by_second: Integers


def judge(
    window: Window,
    members: Members,
    sends: Sends,
    deliveries: Deliveries,
    withdrawn: Sends | None = None,
    earlier: Sends | None = None,
) -> Judgement:
    """Judge one window by the design's definition of *expected*; `withdrawn` messages are only counted.

    Every pair of message and member is judged on its own, so a duplicate never compensates for a loss. A delivery
    that matches no message of the window in sender, number and due time is foreign: another swarm's, or an echo. It is
    ignored if its message is not known to have been sent, because the worker died. One whose text was truncated or
    altered is no delivery. Order is judged among deliveries of messages in `sends`, those of the warm-up too, and in
    `earlier`, those of windows before this one.
    """
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
    judged, judged_message = deliveries.select(is_in_time), message[is_in_time]
    sent_ns = sends.sent_ns[judged_message]
    was_sent = sends.sent_ns != NEVER
    is_expected_anywhere = is_expected.any(axis=1)
    first = np.where(in_time, arrival, NEVER).min(axis=1, initial=NEVER)
    last = np.where(is_expected, np.where(in_time, arrival, NEVER), 0).max(axis=1, initial=0)
    position = np.argsort(np.argsort(members.joined_ns, kind="stable")) * POSITIONS // max(receivers, 1)
    second = (sends.due_ns - window.start_ns) // 1_000_000_000
    seconds = -(-(window.end_ns - window.start_ns) // 1_000_000_000)
    withdrawn_by_second = _by_second(window, withdrawn, seconds) if withdrawn else np.zeros(seconds, np.int64)
    expected, delivered = int(is_expected.sum()), int(in_time.sum())
    reordered, order_conflicts = count_disorder(window, members, all_sends, earlier or _NONE, all_deliveries)
    latency = judged.arrival_ns - sent_ns
    uncertainty = judged.arrival_ns - np.minimum(np.maximum(judged.floor_ns, sent_ns), judged.arrival_ns)
    latest = np.where(in_time, arrival, NEVER)
    growth = backlog_growth(window, sends, is_expected, latest)
    if growth > MAX_BACKLOG_GROWTH:  # perhaps the swarm read late: the earliest possible arrivals have to say so, too
        earliest = latest.copy()
        earliest[judged_message, receiver[is_in_time]] -= uncertainty
        growth = min(growth, backlog_growth(window, sends, is_expected, earliest))
    return Judgement(
        start_ns=window.start_ns,
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
            withdrawn_messages=int(withdrawn_by_second.sum()),
            echoes=int((sends.sender[message] == members.member[receiver]).sum()) if not window.has_echo else 0,
        ),
        outstanding=int((is_expected & ~in_time & was_sent[:, None])[:, members.left_ns == NEVER].sum()),
        backlog_growth=growth,
        latency=latency,
        latency_lower=latency - uncertainty,
        response=judged.arrival_ns - judged.due_ns,
        uncertainty=uncertainty,
        read_lag=judged.read_ns - judged.arrival_ns,
        schedule_lag=(sends.sent_ns - sends.due_ns)[was_sent],
        first_receiver=np.where(first == NEVER, NEVER, first - sends.sent_ns)[is_expected_anywhere],
        last_receiver=np.where(last == NEVER, NEVER, last - sends.sent_ns)[is_expected_anywhere],
        spread=np.where(last == NEVER, NEVER, last - first)[is_expected_anywhere],
        position=position[receiver[is_in_time]],
        missing_by_position=np.bincount(position, (is_expected & ~in_time).sum(axis=0), POSITIONS).astype(np.int64),
        second=second[judged_message],
        messages_by_second=np.bincount(second, minlength=seconds),
        expected_by_second=np.bincount(second, is_expected.sum(axis=1), seconds).astype(np.int64),
        withdrawn_by_second=withdrawn_by_second,
    )


def complete(planned: Sends, sends: Sends, withdrawn: Sends) -> Sends:
    """Return `sends` and, as never sent, what else was planned and not withdrawn."""
    accounted = np.sort(np.concatenate([key(known.sender, known.seq) for known in (sends, withdrawn)]))
    _, is_accounted = match(accounted, key(planned.sender, planned.seq))
    untried = planned.select(~is_accounted)
    return Sends.concatenate([sends, replace(untried, sent_ns=np.full(len(untried.seq), NEVER))])


def expected_pairs(window: Window, members: Members, sends: Sends) -> npt.NDArray[np.bool_]:
    """Tell for each message (row) and member (column) whether a delivery is expected."""
    expected_until = np.where(members.left_ns == NEVER, NEVER, members.left_ns - window.leave_margin_ns)
    return _can_receive(window, members, sends) & (sends.due_ns[:, None] <= expected_until[None, :])


def _can_receive(window: Window, members: Members, sends: Sends) -> npt.NDArray[np.bool_]:
    """Tell who was in the room when a message was due; without an echo its sender receives no copy."""
    due_ns = sends.due_ns[:, None]
    was_in = (members.joined_ns[None, :] <= due_ns) & (due_ns <= members.left_ns[None, :])
    return was_in if window.has_echo else was_in & (sends.sender[:, None] != members.member[None, :])


def _by_second(window: Window, messages: Sends, seconds: int) -> Integers:
    """Count the messages that were due in each second of the window."""
    due_ns = messages.due_ns[(messages.due_ns >= window.start_ns) & (messages.due_ns < window.end_ns)]
    return np.bincount((due_ns - window.start_ns) // 1_000_000_000, minlength=seconds)
