"""Which deliveries came after their receiver had been away: when it came back, and so what it waited for them."""

from __future__ import annotations

import numpy as np

from loadtest.ledger.records import NEVER, Absences, Integers, Members, match

_SPAN_NS = 2**42
"""More than an hour, the longest time between any two of a window's times; so a member and a time fit into one key."""


def returned_ns(
    members: Members, absences: Absences, receiver: Integers, due_ns: Integers, arrival_ns: Integers
) -> Integers:
    """Return when the receiver of each delivery had begun to come back, if that was after it was due; else `NEVER`.

    That is the last return before the arrival. `members` are sorted by number, `receiver` are positions in them.
    """
    found = np.full(len(receiver), NEVER, np.int64)
    owner, is_member = match(members.member, absences.member)
    is_over = is_member & (absences.until_ns != NEVER)
    owner, until_ns = owner[is_over], absences.until_ns[is_over]
    if not len(owner) or not len(receiver):
        return found
    base_ns = min(int(until_ns.min()), int(arrival_ns.min()))
    order = np.lexsort((until_ns, owner))
    owner, until_ns = owner[order], until_ns[order]
    keys = owner * _SPAN_NS + (until_ns - base_ns)
    before = np.searchsorted(keys, receiver * _SPAN_NS + (arrival_ns - base_ns), side="right") - 1
    is_replay = (before >= 0) & (owner[before] == receiver)
    is_replay &= due_ns < until_ns[before]
    found[is_replay] = until_ns[before[is_replay]]
    return found
