"""How fast the deliveries under way grow through a window: the mark of a server that is offered more than it can do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import NEVER, Integers, Sends, Window

LOW_QUANTILE = 0.05
"""Of a third's messages: a burst that is worked off raises the high delays of a third, not the low ones."""
MIN_MESSAGES_A_THIRD = 5
BUSY_NS = 500_000_000
"""A member that still gets deliveries in the last half second of the drain is behind: what it misses is under way."""
MAX_UNDER_WAY_SHARE = 0.1
"""Of the last third's messages; beyond it the throughput tells, too."""


def backlog_growth(window: Window, sends: Sends, is_expected: npt.NDArray[np.bool_], arrival: Integers) -> float:
    """Return the growth rate of the deliveries under way, as a share of the offered rate; 0 where they did not grow.

    `is_expected` and `arrival` (nanoseconds, `NEVER` for a missing one) have a row a message and a column a member.

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
    order = np.argsort(sends.sent_ns, kind="stable")[: np.count_nonzero(sends.sent_ns != NEVER)]
    sent_ns, due_ns = sends.sent_ns[order], sends.due_ns[order]
    arrival, is_counted = arrival[order], is_expected[order]
    is_counted &= ~_is_lost(window, is_counted, arrival)
    delay = _delays(sent_ns, is_counted, arrival)
    third = (due_ns - window.start_ns) * 3 // (window.end_ns - window.start_ns)
    if min(np.count_nonzero(third == 0), np.count_nonzero(third == 2)) < MIN_MESSAGES_A_THIRD:
        return 0.0
    by_throughput = 0.0
    if np.mean(delay[third == 2] == NEVER) > MAX_UNDER_WAY_SHARE:
        by_throughput = _growth_by_throughput(window, is_counted, arrival)
    return float(max(by_throughput, _growth_by_delay(sent_ns[delay != NEVER], delay[delay != NEVER])))


def _is_lost(window: Window, is_expected: npt.NDArray[np.bool_], arrival: Integers) -> npt.NDArray[np.bool_]:
    has_arrived = is_expected & (arrival != NEVER)
    is_behind = (has_arrived & (arrival > window.drain_end_ns - BUSY_NS)).any(axis=0)
    got_later_one = np.logical_or.accumulate(has_arrived[::-1])[::-1]
    reached_others = has_arrived.any(axis=1, keepdims=True)
    is_lost: npt.NDArray[np.bool_] = is_expected & ~has_arrived & ~is_behind & (got_later_one | reached_others)
    return is_lost


def _delays(sent_ns: Integers, is_counted: npt.NDArray[np.bool_], arrival: Integers) -> Integers:
    """Return the delay of each message; `NEVER` where it lasts beyond the drain."""
    arrived_ns = np.sort(arrival[is_counted & (arrival != NEVER)])
    expected = np.cumsum(np.count_nonzero(is_counted, axis=1))
    reached_ns = np.append(arrived_ns, NEVER)[np.clip(expected - 1, 0, len(arrived_ns))]
    return np.where(reached_ns == NEVER, NEVER, np.maximum(reached_ns - sent_ns, 0))


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


def _growth_by_throughput(window: Window, is_counted: npt.NDArray[np.bool_], arrival: Integers) -> float:
    arrived_ns = arrival[is_counted & (arrival != NEVER)]
    if not len(arrived_ns):
        return 1.0
    expected = np.count_nonzero(is_counted)
    under_way = 1 - int(np.count_nonzero(arrived_ns <= window.end_ns)) / int(expected)
    arriving_ns = window.drain_end_ns - int(arrived_ns.min())
    not_served = 1 - len(arrived_ns) / int(expected) * (window.end_ns - window.start_ns) / max(arriving_ns, 1)
    return max(0.0, min(under_way, not_served))
