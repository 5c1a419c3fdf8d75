"""How fast the deliveries under way grow through a window: the mark of a server that is offered more than it can do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import NEVER, Integers, Sends, Window

RECEIVERS_QUANTILE = 0.75
"""A message's latency is that of this share of its receivers: fewer members, such as kicked ones, do not set it."""
LOW_QUANTILE = 0.05
"""Of a third's messages: a burst that is worked off raises the high latencies of a third, not the low ones."""
MIN_MESSAGES_A_THIRD = 5
BUSY_NS = 500_000_000
"""A server that still delivers in the last half second of the drain is not done: what is missing is under way."""
MAX_UNDER_WAY_SHARE = 0.1
"""Of the last third's messages; beyond it the throughput tells, too: what overtakes the others makes latencies low."""


def backlog_growth(window: Window, sends: Sends, is_expected: npt.NDArray[np.bool_], arrival: Integers) -> float:
    """Return the growth rate of the deliveries under way, as a share of the offered rate; 0 where they did not grow.

    `is_expected` and `arrival` (nanoseconds, `NEVER` for a missing one) have a row a message and a column a member.

    A FIFO server of capacity c that is offered r > c falls behind: the latency of what is sent at t rises by r/c - 1 a
    second, and what is under way by r - c = r * slope / (1 + slope). The slope is taken between the low latencies of
    the window's first and last third, so the backlog of a warm-up does not hide it, and a burst is none that is worked
    off. Tests simulate an M/D/1 queue to tell how often this errs.

    A missing delivery is lost if a later one of the same member arrived, and is then left out; otherwise it is under
    way at the end of the drain. An event loop that is late does not serve all senders in order, so it is under way too
    as long as the server delivers to the end of the drain. Where that is so in the last third, the growth is at least 1
    less the share of the messages that arrived, each second from the first arrival to the end of the drain, of those
    that were offered a second.
    """
    order = np.argsort(sends.sent_ns, kind="stable")[: np.count_nonzero(sends.sent_ns != NEVER)]
    is_busy = bool(((arrival != NEVER) & (arrival > window.drain_end_ns - BUSY_NS)).any())
    latency, is_counted = _latency_of_messages(
        sends.sent_ns[order], is_expected[order], arrival[order], is_busy=is_busy
    )
    sent_ns, latency = sends.sent_ns[order][is_counted], latency[is_counted]
    third = (sends.due_ns[order][is_counted] - window.start_ns) * 3 // (window.end_ns - window.start_ns)
    if min(np.count_nonzero(third == 0), np.count_nonzero(third == 2)) < MIN_MESSAGES_A_THIRD:
        return 0.0
    first, last = (_low(latency[third == number]) for number in (0, 2))
    by_throughput = 0.0
    if np.mean(latency[third == 2] == NEVER) > MAX_UNDER_WAY_SHARE:
        by_throughput = _growth_by_throughput(window, sent_ns, latency)
    if NEVER in (first, last):
        return by_throughput
    slope = (last - first) / float(np.mean(sent_ns[third == 2]) - np.mean(sent_ns[third == 0]))
    return max(by_throughput, slope / (1 + slope) if slope > 0 else 0.0)


def _latency_of_messages(
    sent_ns: Integers, is_expected: npt.NDArray[np.bool_], arrival: Integers, *, is_busy: bool
) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Return each message's latency at `RECEIVERS_QUANTILE` of its receivers, `NEVER` where it is under way.

    The second array tells where there is any receiver that did not lose it.
    """
    has_arrived = is_expected & (arrival != NEVER)
    is_lost = np.logical_or.accumulate(has_arrived[::-1])[::-1] & ~has_arrived & (not is_busy)
    counted = np.count_nonzero(is_expected & ~is_lost, axis=1)
    latencies = np.sort(np.where(has_arrived, arrival - sent_ns[:, None], NEVER), axis=1)
    rank = np.maximum(np.ceil(RECEIVERS_QUANTILE * counted).astype(np.int64), 1)
    latency: Integers = latencies[np.arange(len(sent_ns)), rank - 1]
    return latency, counted > 0


def _low(latency: Integers) -> int:
    return int(np.quantile(latency, LOW_QUANTILE, method="inverted_cdf"))


def _growth_by_throughput(window: Window, sent_ns: Integers, latency: Integers) -> float:
    has_arrived = latency != NEVER
    if not has_arrived.any():
        return 1.0
    arriving_ns = window.drain_end_ns - int((sent_ns + latency)[has_arrived].min())
    arrived_share = np.count_nonzero(has_arrived) / len(sent_ns)
    return max(0.0, 1 - arrived_share * (window.end_ns - window.start_ns) / max(arriving_ns, 1))
