"""Read batching: only where it changes no figure, and never beyond what is due."""

from __future__ import annotations

import socket
import time
from collections.abc import Sized

import gevent
import pytest

from loadtest.ledger.records import NEVER
from loadtest.worker.read_batching import BATCH_NS, FULL_BATCH, ReadBatching, may_batch


@pytest.mark.parametrize(("room_rate", "expected"), [(1.0, True), (200.0, True), (201.0, False), (2000.0, False)])
def test_batching_is_for_rooms_with_messages_far_apart(room_rate: float, expected: bool) -> None:
    assert may_batch(room_rate) == expected


def turns(batching: ReadBatching, duration_ns: int = 100 * BATCH_NS) -> int:
    """Count the hub's turns while a socket is ready all the time."""
    one, other = socket.socketpair()
    count = 0

    def turn() -> None:
        nonlocal count
        count += 1

    with one, other:
        watcher = gevent.get_hub().loop.io(one.fileno(), 2)
        watcher.start(turn)
        until_ns = time.monotonic_ns() + duration_ns
        while time.monotonic_ns() < until_ns:
            gevent.sleep(0.001)
        watcher.stop()
        watcher.close()
    batching.close()
    return count


class GrowingBy:
    """Stands in for reads that grow between two calls of `len`."""

    def __init__(self, step: int) -> None:
        self._length = 0
        self._step = step

    def __len__(self) -> int:
        self._length += self._step
        return self._length


def test_turns_are_at_least_a_batch_apart_while_it_is_on() -> None:
    batching = ReadBatching([], [NEVER])
    batching.is_on = True
    assert 0 < turns(batching) <= 105


@pytest.mark.parametrize(
    ("reads", "due_ns", "is_on"),
    [([], NEVER, False), ([], 0, True), (GrowingBy(FULL_BATCH), NEVER, True)],
    ids=["off", "something is due", "much was read"],
)
def test_there_is_no_delay(reads: Sized, due_ns: int, is_on: bool) -> None:
    batching = ReadBatching(reads, [due_ns])
    batching.is_on = is_on
    assert turns(batching) > 105
