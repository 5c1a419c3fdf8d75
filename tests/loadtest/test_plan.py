"""The plan of a window: one numbering for all processes, independent of their past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as replace_struct

from loadtest.ledger.ledger import complete
from loadtest.ledger.records import NEVER, Sends
from loadtest.schedule.plan import plan
from loadtest.schedule.window_order import WindowOrder
from tests.loadtest.test_sender import LOAD

ROOM = [3, 5, 8]


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_each_sender_numbers_its_messages_in_order_from_first_seq(arrival: str) -> None:
    load = replace(LOAD, arrival=arrival)
    order = WindowOrder(7, ROOM, 10**9, 2 * 10**9, 4 * 10**9, first_seq=40)
    planned = plan(load, order)
    assert set(planned.sender) == set(ROOM)
    assert (np.diff(planned.due_ns) >= 0).all()
    assert planned.due_ns.min() >= order.begin_ns
    assert planned.due_ns.max() < order.end_ns
    for sender in ROOM:
        mine = planned.seq[planned.sender == sender]
        assert mine.tolist() == list(range(40, 40 + len(mine)))
    again = plan(load, order)
    assert again.due_ns.tolist() == planned.due_ns.tolist()
    assert again.sender.tolist() == planned.sender.tolist()


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_a_user_count_has_its_schedule_whatever_was_measured_before(arrival: str) -> None:
    load = replace(LOAD, arrival=arrival)
    alone = WindowOrder(0, ROOM, 10**9, 2 * 10**9, 4 * 10**9, users=3)
    in_a_sweep = replace_struct(alone, number=7, first_seq=40)
    planned, swept = plan(load, alone), plan(load, in_a_sweep)
    assert swept.due_ns.tolist() == planned.due_ns.tolist()
    assert swept.sender.tolist() == planned.sender.tolist()
    for other in (replace_struct(alone, nth=1), replace_struct(alone, users=4)):
        assert (plan(load, other).due_ns.tolist(), plan(load, other).sender.tolist()) != (
            planned.due_ns.tolist(),
            planned.sender.tolist(),
        )


def test_planned_and_neither_attempted_nor_withdrawn_means_never_sent() -> None:
    planned = plan(LOAD, WindowOrder(0, ROOM, 0, 0, 10**8))
    assert len(planned.seq) >= 6
    which = np.arange(len(planned.seq))
    sends, withdrawn = planned.select(which < 3), planned.select(which == 3)
    whole = complete(planned, sends, withdrawn)
    assert len(whole.seq) == len(planned.seq) - 1
    assert whole.sent_ns.tolist() == sends.due_ns.tolist() + [NEVER] * (len(planned.seq) - 4)
    nothing = Sends.concatenate([])
    assert complete(planned, nothing, nothing).sent_ns.tolist() == [NEVER] * len(planned.seq)
