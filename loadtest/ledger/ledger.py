"""Judges a window exactly: every message that was due in it, at every member where it is expected."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
import numpy as np

from loadtest.ledger.backlog import backlog_growth
from loadtest.ledger.records import NEVER, Absences, Deliveries, Integers, Members, Sends, Window, key, match, room_of
from loadtest.ledger.room_judgement import RoomJudgement, judge_room, seconds_in
from loadtest.ledger.validity_limits import MAX_BACKLOG_GROWTH

_NONE = Sends.concatenate([])
_NEVER_AWAY = Absences.concatenate([])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(RoomJudgement):
    """The same of all rooms together; `withdrawn_by_second` counts messages, one value a second."""

    start_ns: int
    backlog_growth: float
    withdrawn_by_second: Integers


SUMS = ("counts", "outstanding", "missing_by_position", "messages_by_second", "expected_by_second")
"""The fields of rooms that are added up; all others are joined."""


def judge(
    window: Window,
    members: Members,
    sends: Sends,
    deliveries: Deliveries,
    withdrawn: Sends | None = None,
    earlier: Sends | None = None,
    absences: Absences | None = None,
) -> Judgement:
    """Judge one window by the design's definition of *expected*; `withdrawn` messages are only counted.

    A message is for the members of its sender's room. Every pair of message and member is judged on its own, so a
    duplicate never compensates for a loss. A delivery that matches no message of the window in sender, number and due
    time is foreign: another swarm's, or an echo; one that matches a message of another room is misrouted. It is
    ignored if its message is not known to have been sent, because the worker died. One whose text was truncated or
    altered is no delivery. Order is judged among deliveries of messages in `sends`, those of the warm-up too, and in
    `earlier`, those of windows before this one. What a member got only after it had come back from one of its
    `absences`, and was due before, is a replay: its time counts from then, and it is in no other latency.
    """
    earlier, absences = earlier or _NONE, absences or _NEVER_AWAY
    seconds = seconds_in(window)
    withdrawn_by_second = _by_second(window, withdrawn, seconds) if withdrawn else np.zeros(seconds, np.int64)
    judged, traffic = [], []
    for room in _by_room(window, members, sends, deliveries, earlier):
        judgement, of_room = judge_room(window, *room, absences)
        judged.append(judgement)
        traffic.append(of_room)
    growth = backlog_growth(window, [room.latest for room in traffic])
    if growth > MAX_BACKLOG_GROWTH:  # perhaps the swarm read late: the earliest possible arrivals have to say so, too
        growth = min(growth, backlog_growth(window, [room.earliest() for room in traffic]))
    together = _together(judged)
    unknown, misrouted = _count_strays(window, members, sends, deliveries)
    together["counts"] = msgspec.structs.replace(
        together["counts"],
        foreign=together["counts"].foreign + unknown - misrouted,
        misrouted=misrouted,
        withdrawn_messages=int(withdrawn_by_second.sum()),
    )
    return Judgement(
        start_ns=window.start_ns, backlog_growth=growth, withdrawn_by_second=withdrawn_by_second, **together
    )


def _by_room(
    window: Window, members: Members, sends: Sends, deliveries: Deliveries, earlier: Sends
) -> Iterable[tuple[Members, Sends, Deliveries, Sends]]:
    """Return what there is of each room; a delivery belongs to its receiver's."""
    if window.rooms == 1:
        return [(members, sends, deliveries, earlier)]
    of_sends, of_earlier = (each.split(room_of(each.sender, window.rooms), window.rooms) for each in (sends, earlier))
    of_deliveries = deliveries.split(_receivers_room(members, deliveries), window.rooms)
    return zip(members.split(members.room, window.rooms), of_sends, of_deliveries, of_earlier, strict=True)


def _receivers_room(members: Members, deliveries: Deliveries) -> Integers:
    """Return the room of each delivery's receiver; -1 if it is no member."""
    members = members.select(np.argsort(members.member))
    receiver, known = match(members.member, deliveries.receiver)
    room = np.full(len(receiver), -1, np.int64)
    room[known] = members.room[receiver[known]]
    return room


def _count_strays(window: Window, members: Members, sends: Sends, deliveries: Deliveries) -> tuple[int, int]:
    """Count the window's deliveries that are in no room's counts, to receivers that are no members, and misrouted ones.

    A misrouted one, of a message that is for another room than its receiver's, is foreign in that room's counts.
    """
    if window.rooms == 1:
        return 0, 0
    deliveries = deliveries.select((deliveries.due_ns >= window.start_ns) & (deliveries.due_ns < window.end_ns))
    sends = sends.select(np.argsort(key(sends.sender, sends.seq)))
    message, matched = match(key(sends.sender, sends.seq), key(deliveries.sender, deliveries.seq))
    matched[matched] = sends.due_ns[message[matched]] == deliveries.due_ns[matched]
    room = _receivers_room(members, deliveries)
    is_misrouted = matched & (room >= 0) & (room != room_of(deliveries.sender, window.rooms))
    return int((room < 0).sum()), int(is_misrouted.sum())


def _together(rooms: Sequence[RoomJudgement]) -> dict[str, Any]:
    """Return each field of all rooms together: added up, or joined."""
    columns = {field.name: [getattr(room, field.name) for room in rooms] for field in fields(RoomJudgement)}
    if len(rooms) == 1:
        return {name: values[0] for name, values in columns.items()}
    return {
        name: functools.reduce(operator.add, values) if name in SUMS else np.concatenate(values)
        for name, values in columns.items()
    }


def complete(planned: Sends, sends: Sends, withdrawn: Sends) -> Sends:
    """Return `sends` and, as never sent, what else was planned and not withdrawn."""
    accounted = np.sort(np.concatenate([key(known.sender, known.seq) for known in (sends, withdrawn)]))
    _, is_accounted = match(accounted, key(planned.sender, planned.seq))
    untried = planned.select(~is_accounted)
    return Sends.concatenate([sends, replace(untried, sent_ns=np.full(len(untried.seq), NEVER))])


def _by_second(window: Window, messages: Sends, seconds: int) -> Integers:
    """Count the messages that were due in each second of the window."""
    due_ns = messages.due_ns[(messages.due_ns >= window.start_ns) & (messages.due_ns < window.end_ns)]
    return np.bincount((due_ns - window.start_ns) // 1_000_000_000, minlength=seconds)
