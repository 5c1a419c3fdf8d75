"""The open loop goes on when one connection fails."""

from __future__ import annotations

import time
from typing import Any

import gevent

from loadtest.ledger.records import NEVER
from loadtest.schedule.arrivals import Burst, Rate
from loadtest.schedule.clock import Clock
from loadtest.schedule.load import Load
from loadtest.schedule.sender import LATE_LIMIT_NS, Sender
from loadtest.schedule.window_order import WindowOrder

LOAD = Load(rate=Rate(200.0, of_each_user=False), burst=Burst(1.0, 0, 1), arrival="constant", seed=1, message_size=64)


class Connection:
    """Stands in for a connection whose sends raise an unexpected exception, as no real one is known to do."""

    def __init__(self, *, is_broken: bool) -> None:
        self._is_broken = is_broken
        self.texts = 0
        self.why_aborted = ""

    def send_text(self, _: bytes) -> None:
        if self._is_broken:
            raise RuntimeError("out of order")
        self.texts += 1

    def abort(self, why: str) -> None:
        self.why_aborted = why


def test_a_failed_send_ends_that_connection_only() -> None:
    connections: dict[int, Any] = {0: Connection(is_broken=True), 1: Connection(is_broken=False)}
    sender = Sender(LOAD, Clock(), connections.get, lambda _: False)
    try:
        begin_ns = time.time_ns()
        sender.begin(WindowOrder(0, [0, 1], begin_ns, begin_ns, begin_ns + 500_000_000), lambda _: True)
        limit_s = time.monotonic() + 10
        while len(sender.log.seq) < 100 and time.monotonic() < limit_s:
            gevent.sleep(0.02)
    finally:
        sender.close()
    assert connections[1].texts == (sender.log.sender == 1).sum() > 0
    assert len(sender.log.seq) == 100
    assert "out of order" in connections[0].why_aborted


def test_what_is_much_too_late_when_a_run_is_cut_short_is_not_sent() -> None:
    """An offer beyond all means: the swarm has sent for a while and is seconds behind when Ctrl-C comes."""
    connection: Any = Connection(is_broken=False)
    sender = Sender(LOAD, Clock(), {0: connection}.get, lambda _: False)
    try:
        long_ago_ns = time.time_ns() - 10 * LATE_LIMIT_NS
        sender.begin(WindowOrder(0, [0], long_ago_ns, long_ago_ns, time.time_ns()), lambda _: True)
        at_once = connection.texts
        sender.cut(long_ago_ns + 8 * LATE_LIMIT_NS)
        gevent.sleep(0.05)
    finally:
        sender.close()
    assert connection.texts == at_once > 0
    assert len(sender.log.seq) == 8 * LATE_LIMIT_NS // 5_000_000, "200 messages/s for 8 s are accounted for"
    assert (sender.log.sent_ns == NEVER).sum() == len(sender.log.seq) - at_once
