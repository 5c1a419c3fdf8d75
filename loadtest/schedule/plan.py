"""What the whole swarm is to send in a window: the same in every process with the same order and flags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loadtest.ledger.records import Sends, rank_among_equals, room_of
from loadtest.schedule.arrivals import ARRIVALS, with_burst
from loadtest.schedule.load import Load
from loadtest.schedule.window_order import WindowOrder


def plan(load: Load, order: WindowOrder) -> Sends:
    """Return all messages of a window and its warm-up, as if sent when due.

    Each sender numbers its own from `order.first_seq` on. Rooms without a member have no messages.
    """
    random = np.random.default_rng(order.draw(load.seed))
    burst = replace(load.burst, start_ns=load.burst.start_ns + order.start_ns - order.begin_ns)
    length_ns = order.end_ns - order.begin_ns
    members = np.array(order.members, np.int64)
    rooms = room_of(members, order.rooms)
    _, sizes = np.unique(rooms, return_counts=True)
    schedule = with_burst(ARRIVALS[load.arrival], burst, load.rate, sizes, length_ns, random)
    due_ns = schedule.due_ns + order.begin_ns
    seq = order.first_seq + rank_among_equals(schedule.sender)
    by_room = members[np.argsort(rooms, kind="stable")]
    return Sends(by_room[schedule.sender], seq, due_ns, due_ns)
