"""What the whole swarm is to send in a window: the same in every process with the same order and flags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loadtest.ledger.records import Integers, Sends
from loadtest.schedule.arrivals import ARRIVALS, with_burst
from loadtest.schedule.load import Load
from loadtest.schedule.window_order import WindowOrder


def plan(load: Load, order: WindowOrder) -> Sends:
    """Return all messages of a window and its warm-up, as if sent when due.

    Each sender numbers its own from `order.first_seq` on.
    """
    random = np.random.default_rng(order.draw(load.seed))
    burst = replace(load.burst, start_ns=load.burst.start_ns + order.start_ns - order.begin_ns)
    length_ns = order.end_ns - order.begin_ns
    schedule = with_burst(ARRIVALS[load.arrival], burst, load.rate, len(order.room), length_ns, random)
    due_ns = schedule.due_ns + order.begin_ns
    seq = order.first_seq + _rank_among_equals(schedule.sender)
    return Sends(np.array(order.room, np.int64)[schedule.sender], seq, due_ns, due_ns)


def _rank_among_equals(values: Integers) -> Integers:
    """Return for each value how many equal ones come before it."""
    order = np.argsort(values, kind="stable")
    grouped = values[order]
    starts = np.searchsorted(grouped, grouped)
    before = np.empty(len(values), np.int64)
    before[order] = np.arange(len(values)) - starts
    return before
