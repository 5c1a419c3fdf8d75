"""How fast the deliveries under way grow through a window: the mark of a server that is offered more than it can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import NEVER, Columns, Integers, Sends, Window

Booleans = npt.NDArray[np.bool_]

LOW_QUANTILE = 0.05
"""Of a third's messages: a burst that is worked off raises the high delays of a third, not the low ones."""
MIN_MESSAGES_A_THIRD = 5
BUSY_NS = 500_000_000
"""A member that still gets deliveries in the last half second of the drain is behind: what it misses is under way."""
MAX_UNDER_WAY_SHARE = 0.1
"""Of the last third's messages; beyond it the throughput tells, too."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is known of a room's deliveries: a row a message and a column a member.

    `arrival` is in nanoseconds, `NEVER` for a missing one.
    """

    sends: Sends
    is_expected: Booleans
    arrival: Integers


@dataclass(frozen=True, slots=True)
class _Messages(Columns):
    """Messages that were sent, and how many counted deliveries are `expected` of each."""

    sent_ns: Integers
    due_ns: Integers
    expected: Integers


def backlog_growth(window: Window, rooms: Sequence[Room]) -> float:
    """Return the growth rate of the deliveries under way, as a share of the offered rate; 0 where they did not grow.

    It is that of all rooms together, as one server has them all.

    Deliveries are counted, whichever they are, so that neither messages that overtake others nor members that are
    served in time hide the rest: the delay of a message is the time from its sending until as many deliveries have
    arrived as were expected of all messages up to it. A server that delivers c a second and is offered r > c falls
    behind: the delay of what is sent at t rises by r/c - 1 a second, and what is under way by
    r - c = r * slope / (1 + slope). The slope is taken between the low delays of the first and the last third, so the
    backlog of a warm-up does not hide it, and a burst is none that is worked off. Tests simulate M/D/1 queues to tell
    how often this errs.

    Lost deliveries are left out: those of a member that is not behind at the end of the drain, if it or any other got a
    later one or the same one. All others that are missing are under way. Where that is so of many messages of the last
    third, their delays are unknown. Then the growth is at least the smaller of two: the share of the deliveries that is
    under way at the end of the window, and 1 less the share that arrived, each second from the first arrival to the end
    of the drain, of what was offered a second.
    """
    counted = [_count(window, room) for room in rooms]
    messages = _Messages.concatenate([of_room for of_room, _ in counted])
    messages = messages.select(np.argsort(messages.sent_ns, kind="stable"))
    arrived_ns = np.sort(np.concatenate([arrived for _, arrived in counted]))
    delay = _delays(messages, arrived_ns)
    third = (messages.due_ns - window.start_ns) * 3 // (window.end_ns - window.start_ns)
    if min(np.count_nonzero(third == 0), np.count_nonzero(third == 2)) < MIN_MESSAGES_A_THIRD:
        return 0.0
    by_throughput = 0.0
    if np.mean(delay[third == 2] == NEVER) > MAX_UNDER_WAY_SHARE:
        by_throughput = _growth_by_throughput(window, int(messages.expected.sum()), arrived_ns)
    return float(max(by_throughput, _growth_by_delay(messages.sent_ns[delay != NEVER], delay[delay != NEVER])))


def _count(window: Window, room: Room) -> tuple[_Messages, Integers]:
    """Return the messages of a room that were sent, and when those of their deliveries arrived that are counted."""
    sends = room.sends
    order = np.argsort(sends.sent_ns, kind="stable")[: np.count_nonzero(sends.sent_ns != NEVER)]
    arrival, is_counted = room.arrival[order], room.is_expected[order]
    is_counted &= ~_is_lost(window, is_counted, arrival)
    messages = _Messages(sends.sent_ns[order], sends.due_ns[order], np.count_nonzero(is_counted, axis=1))
    return messages, arrival[is_counted & (arrival != NEVER)]


def _is_lost(window: Window, is_expected: Booleans, arrival: Integers) -> Booleans:
    has_arrived = is_expected & (arrival != NEVER)
    is_behind = (has_arrived & (arrival > window.drain_end_ns - BUSY_NS)).any(axis=0)
    got_later_one = np.logical_or.accumulate(has_arrived[::-1])[::-1]
    reached_others = has_arrived.any(axis=1, keepdims=True)
    is_lost: Booleans = is_expected & ~has_arrived & ~is_behind & (got_later_one | reached_others)
    return is_lost


def _delays(messages: _Messages, arrived_ns: Integers) -> Integers:
    """Return the delay of each message; `NEVER` where it lasts beyond the drain."""
    expected = np.cumsum(messages.expected)
    reached_ns = np.append(arrived_ns, NEVER)[np.clip(expected - 1, 0, len(arrived_ns))]
    return np.where(reached_ns == NEVER, NEVER, np.maximum(reached_ns - messages.sent_ns, 0))


def _growth_by_delay(sent_ns: Integers, delay: Integers) -> float:
    """Compare the first and the last third of the messages whose delay is known, by when they were sent."""
    if len(sent_ns) < 3 * MIN_MESSAGES_A_THIRD:
        return 0.0
    third = (sent_ns - sent_ns[0]) * 3 // (sent_ns[-1] - sent_ns[0] + 1)
    if min(np.count_nonzero(third == 0), np.count_nonzero(third == 2)) < MIN_MESSAGES_A_THIRD:
        return 0.0
    first, last = (np.quantile(delay[third == number], LOW_QUANTILE, method="inverted_cdf") for number in (0, 2))
    slope = float(last - first) / float(np.mean(sent_ns[third == 2]) - np.mean(sent_ns[third == 0]))
    return slope / (1 + slope) if slope > 0 else 0.0


def _growth_by_throughput(window: Window, expected: int, arrived_ns: Integers) -> float:
    if not len(arrived_ns):
        return 1.0
    under_way = 1 - int(np.count_nonzero(arrived_ns <= window.end_ns)) / expected
    arriving_ns = window.drain_end_ns - int(arrived_ns.min())
    not_served = 1 - len(arrived_ns) / expected * (window.end_ns - window.start_ns) / max(arriving_ns, 1)
    return max(0.0, min(under_way, not_served))
