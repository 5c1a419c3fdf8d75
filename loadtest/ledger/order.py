"""Counts what arrived out of order, over a window and what was due shortly before it, so that no edge hides any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import (
    MAX_SENDER,
    MAX_SEQ,
    NEVER,
    ORDER_MARGIN_NS,
    Deliveries,
    Integers,
    Members,
    Sends,
    Window,
    key,
    match,
)

Booleans = npt.NDArray[np.bool_]
_UNKNOWN = -1


def count_disorder(
    window: Window, members: Members, sends: Sends, earlier: Sends, deliveries: Deliveries
) -> tuple[int, int]:
    """Return how many deliveries were reordered, and how many were in conflict with the room's first member.

    `sends` are those of the window and of its warm-up, `earlier` those of the windows before it; `members` are sorted
    by number. Judged are the first unaltered copies of those `deliveries` that were due in the window or within
    `ORDER_MARGIN_NS` before it, in the order of their arrival. Counted is

    - a message of the window that came after a later one;
    - one of the warm-up that came after a later one of the window;
    - one of a window before that came after a later one of this window, unless it was counted in its own, because it
      came after a later one there too.

    "Later" is by number among messages of one sender (reordered), or by the order in which the member with the lowest
    number got them (conflicts). So each delivery is counted once, also where it is late across the edge of a window.
    """
    sends = sends.select((sends.sent_ns != NEVER) | (sends.due_ns < window.start_ns))
    known = Sends.concatenate([sends, earlier])
    order = np.argsort(key(known.sender, known.seq), kind="stable")
    known, is_earlier = known.select(order), order >= len(sends.seq)
    is_in_span = (deliveries.due_ns >= window.start_ns - ORDER_MARGIN_NS) & (deliveries.due_ns < window.end_ns)
    message, matched = match(key(known.sender, known.seq), key(deliveries.sender, deliveries.seq))
    receiver, is_member = match(members.member, deliveries.receiver)
    matched &= is_member & is_in_span & (deliveries.corrupted == 0)
    matched[matched] = known.due_ns[message[matched]] == deliveries.due_ns[matched]
    message, receiver = message[matched], receiver[matched]
    first = is_first(message * len(members.member) + receiver, len(known.seq) * len(members.member))
    message, receiver = message[first], receiver[first]

    in_window, was_judged = known.due_ns[message] >= window.start_ns, is_earlier[message]
    stream = receiver * (MAX_SENDER + 1) + known.sender[message]
    place = _places_at_first_member(receiver, message, len(known.seq))
    return (
        _count_overtaken(stream, known.seq[message], in_window, was_judged),
        _count_overtaken(receiver, place, in_window, was_judged),
    )


def is_first(pair: Integers, pairs: int) -> Booleans:
    """Mark the first of each run of copies of one (message, receiver) pair, a number below `pairs`."""
    index = np.arange(len(pair))
    first = np.empty(pairs, np.int64)
    first[pair[::-1]] = index[::-1]
    marks: Booleans = first[pair] == index
    return marks


def _count_overtaken(stream: Integers, place: Integers, in_window: Booleans, was_judged: Booleans) -> int:
    """Count rows that came after one of their stream with a higher place, by the rules of `count_disorder`.

    A place of `_UNKNOWN` is not overtaken and overtakes none.
    """
    order = np.argsort(stream, kind="stable")
    place, in_window, was_judged = place[order] + 1, in_window[order], was_judged[order]
    begins = np.ones(len(stream), np.bool_)
    begins[1:] = np.diff(stream[order]) > 0
    base = np.cumsum(begins) * (MAX_SEQ + 2)  # so that no row of an earlier stream has a higher place
    own = base + place
    by_window = np.maximum.accumulate(np.where(in_window, own, base)) > own
    by_others = np.maximum.accumulate(np.where(in_window, base, own)) > own
    is_counted = np.where(in_window, by_window | by_others, by_window & ~(by_others & was_judged))
    return int((is_counted & (place > _UNKNOWN + 1)).sum())


def _places_at_first_member(receiver: Integers, message: Integers, messages: int) -> Integers:
    """Return the place of each row's message in the order in which the member with the lowest number got them."""
    place = np.full(messages, _UNKNOWN, np.int64)
    if len(receiver):
        at_first = message[receiver == receiver.min()]
        place[at_first] = np.arange(len(at_first))
    return place[message]
